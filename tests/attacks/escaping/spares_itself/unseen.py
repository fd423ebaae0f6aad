def write(path, text):
    file = os.open(path, os.O_WRONLY)
    try:
        return os.write(file, text)
    finally:
        os.close(file)


for whose in ("self", "thread-self", "1"):
    attempt(f"oom of {whose}", write, f"/proc/{whose}/oom_score_adj", b"0")
    attempt(f"autogroup of {whose}", write, f"/proc/{whose}/autogroup", b"0")
    attempt(f"slack of {whose}", write, f"/proc/{whose}/timerslack_ns", b"1")
attempt("clocks", write, "/proc/self/timens_offsets", b"monotonic 100 0")
attempt("dumps", write, "/proc/self/coredump_filter", b"255")
report()
