# By every way a process has to its environment, the block on the stack that it was started with included.
import re

SECRET = re.compile(rb"CANARY-[0-9a-f]{8}")
ENVIRON = ctypes.POINTER(ctypes.c_char_p).in_dll(_LIBC, "environ")
everything = [repr(dict(os.environ)).encode(), read("/proc/self/environ"), read("/proc/self/cmdline")]
at = 0
while ENVIRON[at] is not None:
    everything.append(ENVIRON[at])
    at += 1
with open("/proc/self/maps", "rb") as maps, open("/proc/self/mem", "rb") as memory:
    for line in maps:
        if b"[stack]" in line:
            start, end = (int(word, 16) for word in line.split()[0].split(b"-"))
            memory.seek(start)
            everything.append(memory.read(end - start))
if SECRET.search(b"\n".join(everything)):
    found("a secret in the environment")
for name in (
    "GITHUB_TOKEN",
    "ACTIONS_RUNTIME_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "HF_TOKEN",
    "SSH_AUTH_SOCK",
    "CI",
    "GITHUB_ENV",
    "GITHUB_OUTPUT",
    "VIRTUAL_ENV",
    "PYTEST_CURRENT_TEST",
):
    if name in os.environ:
        found(name)
report()
