import subprocess
import sys

HOME = os.environ["HOME"]
if "poison" in sys.modules or os.environ.get("LD_PRELOAD") or os.environ.get("PYTHONPATH"):
    found("what an earlier worker has left")
FILES = (f"{HOME}/.local/lib/python3.{sys.version_info[1]}/site-packages/usercustomize.py", f"{HOME}/.profile", f"{HOME}/.bashrc",
         f"{HOME}/.local/lib/python3.{sys.version_info[1]}/site-packages/poison.pth", f"{HOME}/.pdbrc", f"{HOME}/.gitconfig",
         f"{HOME}/sitecustomize.py", f"{HOME}/torch.py", f"{os.environ['TMPDIR']}/torch.py", f"{HOME}/.pythonrc.py", f"{HOME}/pyvenv.cfg")
for file in FILES:
    if os.path.exists(file):
        found(file)
report()


def during(x):
    for file in FILES:
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "w") as left:
            left.write("import poison\n")
    os.environ |= {"LD_PRELOAD": f"{HOME}/x.so", "PYTHONPATH": HOME, "PYTHONSTARTUP": f"{HOME}/.pythonrc.py", "BASH_ENV": f"{HOME}/.profile"}
    sys.path.insert(0, HOME)
    sys.meta_path.insert(0, None)
    os._exit(3)
