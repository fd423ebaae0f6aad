"""A serve module whose import starts a thread, which makes the template unfit for forking."""

import threading
import time

from shell import serve  # noqa: F401

threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
