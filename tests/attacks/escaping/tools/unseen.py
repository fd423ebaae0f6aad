# The machine's own programs for it, as far as they are here.
import shutil
import subprocess
import sys

COMMANDS = (
    ["curl", "-s", "-m", "1", "http://127.0.0.1:@@TCP@@"],
    ["wget", "-q", "-T", "1", "-O-", "http://127.0.0.1:@@TCP@@"],
    ["git", "ls-remote", "http://127.0.0.1:@@TCP@@/x"],
    ["git", "-C", "@@COURSE@@", "log"],
    ["cat", "@@HOME@@/.netrc"],
    ["cp", "@@HOME@@/.netrc", "."],
    ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/@@TCP@@"],
    ["su", "-c", "id"],
    ["tar", "cf", "x.tar", "@@COURSE@@/grader.yaml"],
    ["touch", "@@OUTSIDE@@/@@MARK@@"],
    ["mount", "-t", "tmpfs", "x", "/tmp"],
    ["unshare", "-Ur", "true"],
    ["nsenter", "-t", "1", "-a", "true"],
    ["chroot", "/", "true"],
    ["dmesg"],
    ["kill", "-9", "1"],
    ["find", "@@COURSE@@", "-maxdepth", "1"],
    [sys.executable, "-c", "import socket; socket.socket()"],
    ["perl", "-MSocket", "-e", "socket(S, 2, 1, 0) or exit 1"],
    ["ssh", "-o", "BatchMode=yes", "localhost"],
)
for command in COMMANDS:
    if shutil.which(command[0]):
        done = subprocess.run(command, capture_output=True, check=False, timeout=2)
        if done.returncode == 0 and command[0] != "kill":
            found(f"{command}: {done.stdout[:100]}")
report()
