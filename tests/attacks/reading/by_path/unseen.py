# The course by every way to write its path: absolute, relative, and through the links in /proc.
COURSE = "@@COURSE@@"
PREFIXES = (
    "",
    "../" * 20,
    "/proc/self/root",
    "/proc/self/cwd/" + "../" * 20,
    "/proc/1/root",
    "/proc/1/cwd",
    "/proc/thread-self/root",
    f"/proc/{os.getppid()}/root",
    f"/proc/self/task/{os.getpid()}/root",
    "//",
    "/proc/self/fd/0/" + "../" * 9,
    "/sandbox/" + "../" * 9,
    "/tmp/" + "../" * 9,
)
FILES = (
    "",
    "grader.yaml",
    "exercises",
    "exercises/vectors/exercise.yaml",
    "exercises/vectors/hidden_tests",
    "exercises/vectors/hidden_tests/test_vectors.py",
    "exercises/vectors/reference/solution.py",
    "exercises/vectors/mutants",
    "exercises/vectors/variants/loops.py",
    ".git/config",
    ".git",
)
for prefix in PREFIXES:
    for file in FILES:
        attempt(f"read {prefix}{file}", read, f"{prefix}{COURSE}/{file}")
        attempt(f"stat {prefix}{file}", os.lstat, f"{prefix}{COURSE}/{file}")
report()
