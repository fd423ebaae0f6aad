# Every family there is or may be; only local sockets are left, and they stay among this job's processes.
SOCKET, SOCKETPAIR = (41, 198), (53, 199)
pair = (ctypes.c_int * 2)()
for family in {*range(64), 1000} - {1}:
    for kind in (1, 2, 3, 4, 5, 6, 10):
        for protocol in (0, 1, 16, 0x300):
            reach(f"socket {family} {kind} {protocol}", SOCKET, family, kind, protocol)
    reach(f"socketpair {family}", SOCKETPAIR, family, 1, 0, ctypes.addressof(pair))
report()
