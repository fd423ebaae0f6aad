import stat

NAMES = (
    "mem",
    "kmem",
    "port",
    "kmsg",
    "tty",
    "tty0",
    "console",
    "ptmx",
    "pts/ptmx",
    "fuse",
    "kvm",
    "net/tun",
    "vhost-net",
    "vhost-vsock",
    "vsock",
    "loop-control",
    "loop0",
    "mapper/control",
    "dri/card0",
    "dri/renderD128",
    "nvidia0",
    "nvidiactl",
    "nvidia-uvm",
    "snd/timer",
    "input/event0",
    "uinput",
    "uhid",
    "rtc0",
    "watchdog",
    "hpet",
    "cpu/0/msr",
    "cpu_dma_latency",
    "zero",
    "sda",
    "vda",
    "nvme0",
    "mqueue",
    "hugepages",
    "autofs",
    "btrfs-control",
    "userfaultfd",
    "udmabuf",
    "dma_heap/system",
    "vfio/vfio",
    "ppp",
    "rfkill",
    "hwrng",
    "nvram",
)
for name in NAMES:
    for flags in (os.O_RDONLY, os.O_RDWR, os.O_WRONLY):
        attempt(f"/dev/{name}", os.open, f"/dev/{name}", flags | os.O_NONBLOCK | os.O_NOCTTY)
attempt("a list of all devices", os.listdir, "/dev")
for kind, major, minor in (
    (stat.S_IFCHR, 1, 1),
    (stat.S_IFCHR, 5, 2),
    (stat.S_IFCHR, 10, 229),
    (stat.S_IFBLK, 8, 0),
):
    attempt(
        f"mknod {major}:{minor}", os.mknod, f"node{major}-{minor}", kind | 0o666, os.makedev(major, minor)
    )
TIOCSTI, TIOCSCTTY = 0x5412, 0x540E
for fd in (0, 1, 2):
    attempt(
        f"type into {fd}",
        lambda fd=fd: call((16, 29), fd, TIOCSTI, ctypes.addressof(ctypes.create_string_buffer(b"x"))),
    )
    attempt(f"take terminal {fd}", lambda fd=fd: call((16, 29), fd, TIOCSCTTY, 1))
report()
