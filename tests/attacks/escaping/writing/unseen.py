# New files and changed ones, wherever there is a folder; and every other call that changes a file.
import sys

MARK = "@@MARK@@"
FOLDERS = (
    "@@OUTSIDE@@",
    "@@HOME@@",
    "@@COURSE@@",
    "@@COURSE@@/exercises",
    "@@COURSE@@/submissions",
    "@@COURSE@@/reports",
    "/",
    "/usr",
    "/usr/lib",
    "/usr/local/bin",
    "/etc",
    "/var/tmp",
    "/var",
    "/opt",
    "/run",
    "/dev",
    "/sys",
    "/proc",
    "/headers",
    "/home",
    "/root",
    "/sys/fs/cgroup",
    sys.prefix,
    os.path.dirname(os.__file__),
    os.path.dirname(sys.modules["torch"].__file__),
    os.path.dirname(sys.modules["grader"].__file__),
    f"{os.path.dirname(sys.modules['grader'].__file__)}/inside",
)
for folder in FOLDERS:
    for prefix in ("", "/proc/self/root", "/proc/self/cwd/" + "../" * 20):
        attempt(
            f"create in {folder}",
            lambda f=folder, p=prefix: os.open(f"{p}{f}/{MARK}", os.O_CREAT | os.O_WRONLY, 0o666),
        )
    attempt(f"mkdir in {folder}", os.mkdir, f"{folder}/{MARK}.d")
    attempt(f"link in {folder}", os.symlink, "/etc", f"{folder}/{MARK}.s")
    attempt(f"fifo in {folder}", os.mkfifo, f"{folder}/{MARK}.f")
with open(MARK, "w") as own:
    own.write("x")
for folder in FOLDERS:
    attempt(f"move into {folder}", os.rename, MARK, f"{folder}/{MARK}")
    attempt(f"hard link in {folder}", os.link, MARK, f"{folder}/{MARK}.h")
for file in (
    os.__file__,
    sys.executable,
    sys.modules["torch"].__file__,
    "@@HOME@@/.netrc",
    "@@COURSE@@/grader.yaml",
):
    attempt(f"append to {file}", os.open, file, os.O_WRONLY | os.O_APPEND)
    attempt(f"truncate {file}", os.truncate, file, 0)
    attempt(f"chmod {file}", os.chmod, file, 0o777)
    attempt(f"touch {file}", os.utime, file)
    attempt(f"remove {file}", os.unlink, file)
    attempt(f"set an attribute of {file}", os.setxattr, file, "user.x", b"x")
    attempt(f"hard link to {file}", os.link, file, "stolen")
report()
