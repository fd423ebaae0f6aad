# More than one's share: own limits up, others' down, priority, cores.
import resource

for name in (
    "NOFILE",
    "NPROC",
    "FSIZE",
    "CPU",
    "MEMLOCK",
    "CORE",
    "DATA",
    "NICE",
    "RTPRIO",
    "MSGQUEUE",
    "SIGPENDING",
):
    which = getattr(resource, f"RLIMIT_{name}")
    soft, hard = resource.getrlimit(which)
    attempt(f"raise {name}", resource.setrlimit, which, (hard + 1, hard + 1) if hard >= 0 else (-1, -1))
    attempt(f"unlimit {name}", resource.setrlimit, which, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    attempt(f"{name} of the init", resource.prlimit, 1, which, (1, 1))
attempt(
    "no core limit", resource.setrlimit, resource.RLIMIT_CORE, (0, 0)
)  # a machine's dump program would see a crash
attempt("nice", os.nice, -5)
attempt("priority of the init", os.setpriority, os.PRIO_PROCESS, 1, 19)
attempt("priority of a user", os.setpriority, os.PRIO_USER, os.getuid(), 19)
attempt("real time", os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1))
attempt("batch", os.sched_setscheduler, 0, os.SCHED_BATCH, os.sched_param(0))
attempt("other cores", os.sched_setaffinity, 0, range(os.cpu_count()))
attempt("cores of the init", os.sched_setaffinity, 1, {0})
reach("ioprio", (251, 30), 1, 0, 0x2000)
PR_SCHED_CORE, CREATE = 62, 1
attempt("a core alone", lambda: call((157, 167), PR_SCHED_CORE, CREATE, 0, 0, 0))
report()
