# Compiled code and caches of compilers, ours or another's.
import glob
import sys
import tempfile

COURSE = "@@COURSE@@"
for pattern in (
    "/tmp/torchinductor_*",
    "/tmp/.triton*",
    f"{tempfile.gettempdir()}/*",
    "/tmp/pytest-of-*",
    f"{COURSE}/exercises/vectors/*/__pycache__/*",
    f"{os.environ['HOME']}/.cache/*",
    f"{os.environ['TORCHINDUCTOR_CACHE_DIR']}/*",
    f"{os.environ['TRITON_CACHE_DIR']}/*",
):
    if names := glob.glob(pattern):
        found(names)
package = os.path.dirname(sys.modules["grader"].__file__)
for name in ("plugin.py", "slot.py", "store.py", "wall", "remote", "shared_tests", "errors.py"):
    attempt(f"{package}/{name}", read, f"{package}/{name}")
names = [n for _, _, files in os.walk(package) for n in files]
if loose := [n for n in names if n.startswith(("test_", "plugin", "slot", "store", "conftest"))]:
    found(loose)
report()
