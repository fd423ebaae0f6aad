import resource
import signal

child = os.fork()
if child == 0:
    os.chdir(os.environ["TMPDIR"])
    os.kill(os.getpid(), signal.SIGSEGV)
_, status = os.waitpid(child, 0)
if os.WCOREDUMP(status):
    found("a core dump")
if names := [n for folder in (".", os.environ["TMPDIR"]) for n in os.listdir(folder) if "core" in n]:
    found(names)
if resource.getrlimit(resource.RLIMIT_CORE)[1] != 1:  # with 0, a pipe would still get it
    found(resource.getrlimit(resource.RLIMIT_CORE))
report()
