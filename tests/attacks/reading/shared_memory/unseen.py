# What others may have left: files in shared folders, System V segments, POSIX queues, pipes by name.
for folder in ("/dev/shm", "/tmp", "/var/tmp", "/dev/mqueue", "/run/lock", "/dev/hugepages"):
    try:
        names = os.listdir(folder)
    except OSError:
        continue
    if names:
        found(f"{folder}: {names}")
SHMGET, SEMGET, MSGGET, MQ_OPEN = (29, 194), (64, 190), (68, 186), (240, 180)
for key in (0, 1, 2, 0x5EED, 0xC0DE):
    reach(f"shmget {key}", SHMGET, key, 4096, 0o1600)
    reach(f"semget {key}", SEMGET, key, 1, 0o1600)
    reach(f"msgget {key}", MSGGET, key, 0o1600)
reach("mq_open", MQ_OPEN, ctypes.c_char_p(b"grader"), os.O_CREAT | os.O_RDWR, 0o600, 0)
with open("/proc/sysvipc/shm") as segments:
    if len(segments.readlines()) > 1:
        found("System V segments")
report()
