# Links out of the disk that is cleaned up afterwards, changing places with folders all the time.
import shutil
import signal

OUTSIDE = "@@OUTSIDE@@"
for name, target in (
    ("a", OUTSIDE),
    ("b", f"{OUTSIDE}/notes.txt"),
    ("c", "/proc/self/root"),
    ("d", ".."),
    ("e", "e"),
):
    os.symlink(target, f"link-{name}")
attempt("through a link", read, "link-b")
attempt("write through a link", lambda: os.open("link-a/@@MARK@@", os.O_CREAT | os.O_WRONLY))
attempt("hard link out", os.link, f"{OUTSIDE}/notes.txt", "hard")
os.makedirs("swap/deep")
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:  # until the clean-up
        try:
            os.rename("swap", "aside")
            os.symlink(OUTSIDE, "swap")
            os.unlink("swap")
            os.rename("aside", "swap")
        except OSError:
            shutil.rmtree("aside", ignore_errors=True)
            os.makedirs("swap", exist_ok=True)
        signal.sigtimedwait([], 0.001)
report()
