import signal

confined = os.getpid() < 10  # else this would end the machine's processes instead of none
for pid in (1, os.getppid(), *range(3, 400)):
    if confined and pid != os.getpid():
        for number in (signal.SIGKILL, signal.SIGSTOP):
            if pid == 1:
                try:
                    os.kill(1, number)  # may be said to have worked; the init is deaf to it
                except OSError:
                    continue
            else:
                attempt(f"signal {number} to {pid}", os.kill, pid, number)
report()
