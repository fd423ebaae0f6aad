# Switches that are files.
def write(path, text):
    file = os.open(path, os.O_WRONLY)
    try:
        return os.write(file, text)
    finally:
        os.close(file)


me = str(os.getpid()).encode()
SWITCHES = (
    ("/proc/self/uid_map", b"0 0 1"),
    ("/proc/self/gid_map", b"0 0 1"),
    ("/proc/self/setgroups", b"allow"),
    ("/proc/self/projid_map", b"0 0 1"),
    ("/proc/self/oom_score_adj", b"-1000"),
    ("/proc/self/oom_adj", b"-17"),
    ("/proc/self/autogroup", b"-20"),
    ("/proc/self/attr/current", b"unconfined"),
    ("/proc/self/attr/exec", b"unconfined"),
    ("/proc/1/oom_score_adj", b"1000"),
    ("/proc/1/mem", b"x"),
    ("/proc/1/comm", b"x"),
    ("/proc/1/clear_refs", b"1"),
    ("/proc/1/autogroup", b"19"),
    ("/proc/sysrq-trigger", b"h"),
    ("/proc/sys/kernel/core_pattern", b"|/sandbox/work/x"),
    ("/proc/sys/kernel/hostname", b"x"),
    ("/proc/sys/kernel/modprobe", b"/sandbox/work/x"),
    ("/proc/sys/vm/overcommit_memory", b"1"),
    ("/proc/sys/net/ipv4/ip_forward", b"1"),
    ("/proc/sys/kernel/ns_last_pid", b"1"),
    ("/proc/sys/fs/file-max", b"1"),
    ("/proc/sys/user/max_user_namespaces", b"99"),
    ("/proc/sys/kernel/msgmax", b"1"),
    ("/proc/sys/fs/mqueue/queues_max", b"1"),
    ("/sys/fs/cgroup/cgroup.procs", me),
    ("/sys/fs/cgroup/memory/cgroup.procs", me),
    ("/sys/kernel/uevent_helper", b"x"),
    ("/proc/acpi/wakeup", b"x"),
    ("/proc/irq/default_smp_affinity", b"1"),
    ("/dev/kmsg", b"x"),
)
for path, text in SWITCHES:
    attempt(path, write, path, text)
attempt("a cgroup", os.mkdir, "/sys/fs/cgroup/@@MARK@@")
report()
