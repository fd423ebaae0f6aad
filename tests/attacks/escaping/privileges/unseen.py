# Set-uid programs, capabilities of every kind, other users.
import glob
import stat
import subprocess

if 0 in (*os.getresuid(), *os.getresgid()):
    found("root")
caps = {
    line.split()[0]: int(line.split()[1], 16) for line in open("/proc/self/status") if line.startswith("Cap")
}
if any(caps.values()):
    found(caps)
for change in ("setuid", "seteuid", "setgid", "setegid"):
    attempt(change, getattr(os, change), 0)
attempt("setgroups", os.setgroups, [0])
attempt("setresuid", os.setresuid, 0, 0, 0)
header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)
attempt("capset", lambda: call((126, 91), ctypes.addressof(header), ctypes.addressof(sets)))
PR_CAP_AMBIENT, RAISE, PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS = 47, 2, 28, 38
for capability in range(41):
    attempt(f"ambient {capability}", lambda c=capability: call((157, 167), PR_CAP_AMBIENT, RAISE, c, 0, 0))
attempt("securebits", lambda: call((157, 167), PR_SET_SECUREBITS, 0x2F, 0, 0, 0))
attempt("privileges again", lambda: call((157, 167), PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0))
for program in [p for folder in ("/usr/bin", "/usr/sbin", "/usr/lib/*") for p in glob.glob(f"{folder}/*")]:
    try:
        mode = os.stat(program).st_mode
    except OSError:
        continue
    if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
        try:
            done = subprocess.run(
                [program, "-c", "id -u"],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=2,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.stdout.strip() == b"0":
            found(program)
with open("mine", "wb") as mine:
    mine.write(b"#!/bin/sh\nid -u\n")
os.chmod("mine", 0o6777)
if subprocess.run(["./mine"], capture_output=True, check=False).stdout.strip() == b"0":
    found("a set-uid script of our own")
report()
