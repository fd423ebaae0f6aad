# Files by number instead of name, and folders by descriptors that lead up.
NAME_TO_HANDLE, OPEN_BY_HANDLE = (303, 264), (304, 265)
reach("name_to_handle_at", NAME_TO_HANDLE, -100, ctypes.c_char_p(b"/usr"), 0, 0, 0)
reach("open_by_handle_at", OPEN_BY_HANDLE, 3, 0, 0)
root = os.open("/", os.O_PATH)
work = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
os.fchdir(root)
attempt("a list of the root", os.listdir, "/proc/self/cwd")
for up in ("..", "../..", "/proc/self/fd/%d/.." % work, "/proc/self/fd/%d/../../.." % work):
    attempt(up, read, f"{up}@@COURSE@@/grader.yaml")
os.fchdir(work)
attempt(
    "map_files",
    lambda: [os.open(f"/proc/self/map_files/{n}", os.O_RDONLY) for n in os.listdir("/proc/self/map_files")],
)
attempt("the executable", lambda: os.open("/proc/self/exe", os.O_WRONLY))
report()
