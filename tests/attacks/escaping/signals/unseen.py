# At template, slot and siblings; signal 0 asks whether one could. The init is really tried, where it is the job's own.
import signal

for pid in (*range(3, 2000), *range(2000, 70000, 13)):
    if pid != os.getpid():
        attempt(f"kill {pid}", os.kill, pid, 0)
        attempt(f"tgkill {pid}", lambda pid=pid: call((234, 131), pid, pid, 0))
confined = os.getpid() < 10  # else these would end the machine's processes instead of none
if confined:
    for number in (
        signal.SIGKILL,
        signal.SIGTERM,
        signal.SIGSTOP,
        signal.SIGSEGV,
        signal.SIGINT,
        signal.SIGCHLD,
    ):
        try:
            os.kill(1, number)  # may be said to have worked; the init is deaf to it
        except OSError:
            continue
    attempt("kill everybody", os.kill, -1, signal.SIGKILL)
    if 1 not in {int(n) for n in os.listdir("/proc") if n.isdigit()}:
        found("the init is gone")
else:
    attempt("kill everybody", os.kill, -1, 0)
report()
