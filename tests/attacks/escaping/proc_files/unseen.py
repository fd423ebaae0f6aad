# Switches that are files. What belongs to the whole machine is only opened: writing would harm it where a layer is off.
def write(path, text):
    file = os.open(path, os.O_WRONLY)
    try:
        return os.write(file, text)
    finally:
        os.close(file)


OWN = (
    ("/proc/self/uid_map", b"0 0 1"),
    ("/proc/self/gid_map", b"0 0 1"),
    ("/proc/self/setgroups", b"allow"),
    ("/proc/self/projid_map", b"0 0 1"),
    ("/proc/self/oom_score_adj", b"-1000"),
    ("/proc/self/oom_adj", b"-17"),
    ("/proc/self/autogroup", b"-20"),
    ("/proc/self/attr/current", b"unconfined"),
    ("/proc/self/attr/exec", b"unconfined"),
    ("/proc/sys/kernel/ns_last_pid", b"1"),
)
OTHERS = (
    *(f"/proc/1/{name}" for name in ("oom_score_adj", "mem", "comm", "clear_refs", "autogroup", "uid_map", "timens_offsets")),
    *(f"/proc/sys/kernel/{name}" for name in ("core_pattern", "hostname", "modprobe", "msgmax", "panic", "sysrq")),
    *(f"/proc/sys/{name}" for name in ("vm/overcommit_memory", "vm/drop_caches", "net/ipv4/ip_forward", "fs/file-max")),
    *(f"/proc/sys/{name}" for name in ("user/max_user_namespaces", "fs/mqueue/queues_max", "net/core/somaxconn")),
    *("/proc/sysrq-trigger", "/proc/irq/default_smp_affinity", "/proc/acpi/wakeup", "/dev/kmsg", "/sys/kernel/uevent_helper"),
    *("/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs"),
)
for path, text in OWN:
    attempt(path, write, path, text)
for path in OTHERS:
    attempt(path, lambda path=path: os.close(os.open(path, os.O_WRONLY)))
attempt("a cgroup", os.mkdir, "/sys/fs/cgroup/@@MARK@@")
report()
