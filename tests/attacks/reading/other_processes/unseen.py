# Template, slot, scheduler and siblings, by every number they could have.
for pid in {1, os.getppid(), *range(3, 40), *range(100, 70000, 7)} - {os.getpid()}:
    try:
        os.stat(f"/proc/{pid}")
    except OSError:
        continue
    if pid != 1:
        found(f"process {pid}")
    for name in (
        "environ",
        "mem",
        "maps",
        "smaps",
        "fd",
        "root",
        "cwd",
        "exe",
        "map_files",
        "stack",
        "syscall",
        "auxv",
        "io",
        "pagemap",
        "personality",
        "task/1/fd",
    ):
        attempt(f"/proc/{pid}/{name}", read, f"/proc/{pid}/{name}", 64)
if names := {n for n in os.listdir("/proc") if n.isdigit()} - {"1", str(os.getpid())}:
    found(names)
report()
