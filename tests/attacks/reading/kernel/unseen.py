# What the kernel tells of the whole machine.
for path in (
    "/dev/mem",
    "/dev/kmem",
    "/dev/port",
    "/dev/kmsg",
    "/proc/kmsg",
    "/proc/kcore",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/sysrq-trigger",
    "/proc/slabinfo",
    "/proc/vmallocinfo",
    "/proc/timer_list",
    "/sys/kernel/debug",
    "/sys/kernel/tracing",
    "/sys/kernel/security",
    "/sys/fs/cgroup",
    "/sys/fs/bpf",
    "/sys/class",
    "/sys/block",
    "/sys/firmware",
    "/sys/module",
    "/boot",
    "/proc/self/stack",
):
    attempt(path, read, path)
addresses = (
    {line.split()[0] for line in open("/proc/kallsyms").readlines()[:50]}
    if os.path.exists("/proc/kallsyms")
    else set()
)
if any(int(address, 16) for address in addresses):
    found("addresses of the kernel")
pages = os.open("/proc/self/pagemap", os.O_RDONLY)
frames = os.pread(pages, 8, (id(addresses) >> 12) * 8)
if int.from_bytes(frames, "little") & ((1 << 55) - 1):
    found("physical addresses")
report()
