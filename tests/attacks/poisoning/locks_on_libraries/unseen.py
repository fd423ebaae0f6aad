import fcntl
import glob
import os

KEPT = [os.open(os.__file__, os.O_RDONLY)]
for file in [f for f in glob.glob(f"{os.path.dirname(torch.__file__)}/*") if os.path.isfile(f)][:20]:
    KEPT.append(os.open(file, os.O_RDONLY))
for file in KEPT:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
