# Only null, the pipe for what is printed, and the line to the judge are open.
import stat

opened = {}
for fd in range(4096):
    try:
        opened[fd] = os.fstat(fd).st_mode
    except OSError:
        continue
kinds = [stat.S_IFMT(mode) for mode in opened.values()]
if kinds != [stat.S_IFCHR, stat.S_IFIFO, stat.S_IFIFO, stat.S_IFSOCK]:
    found({fd: os.readlink(f"/proc/self/fd/{fd}") for fd in opened})
for fd in opened:
    attempt(f"open beside {fd}", lambda fd=fd: os.open("..", os.O_RDONLY, dir_fd=fd))
attempt("read the judge's end", read, "/proc/self/fd/3")
report()
