ATTACH, SEIZE = 16, 0x4206
remote = ctypes.create_string_buffer(64)
for pid in (1, os.getppid(), 2, 3, *range(4, 30)):
    reach(f"ptrace {pid}", (101, 117), ATTACH, pid, 0, 0)
    reach(f"seize {pid}", (101, 117), SEIZE, pid, 0, 0)
    reach(
        f"process_vm_readv {pid}",
        (310, 270),
        pid,
        ctypes.addressof(remote),
        1,
        ctypes.addressof(remote),
        1,
        0,
    )
    reach(
        f"process_vm_writev {pid}",
        (311, 271),
        pid,
        ctypes.addressof(remote),
        1,
        ctypes.addressof(remote),
        1,
        0,
    )
    reach(f"pidfd_open {pid}", 434, pid, 0)
    reach(f"kcmp {pid}", (312, 272), pid, os.getpid(), 0, 0, 0)
    if pid != os.getpid():
        attempt(f"memory of {pid}", lambda pid=pid: os.open(f"/proc/{pid}/mem", os.O_RDWR))
reach("pidfd_getfd", 438, 3, 3, 0)
reach("process_madvise", 440, 3, 0, 0, 4, 0)
reach("process_mrelease", 448, 3, 0)
report()
