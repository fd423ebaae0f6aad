# See what others do with files that all may read; make them wait.
import fcntl

reach("inotify", (294, 26), 0)
reach("fanotify", (300, 262), 0, 0)
library = os.open(os.__file__, os.O_RDONLY)
folder = os.open(os.path.dirname(os.__file__), os.O_RDONLY)
attempt("lease", fcntl.fcntl, library, fcntl.F_SETLEASE, fcntl.F_RDLCK)
attempt("notify", fcntl.fcntl, folder, fcntl.F_NOTIFY, fcntl.DN_ACCESS | fcntl.DN_MULTISHOT)
attempt("write lock", fcntl.lockf, library, fcntl.LOCK_EX | fcntl.LOCK_NB)
report()
