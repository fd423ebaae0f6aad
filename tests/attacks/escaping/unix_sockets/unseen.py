import socket

PATHS = (
    "@@SOCKET@@",
    "/proc/self/root@@SOCKET@@",
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/systemd/notify",
    "/run/dbus/system_bus_socket",
    "/run/systemd/private",
    "/run/user/1001/bus",
    "/run/containerd/containerd.sock",
    "/run/udev/control",
    "/dev/log",
    "/run/nscd/socket",
    "/tmp/.X11-unix/X0",
    "/run/host-services/ssh-auth.sock",
)
for path in PATHS:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        attempt(path, lambda p=path, k=kind: socket.socket(socket.AF_UNIX, k).connect(p))
for name in ("\0@@ABSTRACT@@", "\0/tmp/.X11-unix/X0", "\0/tmp/dbus-session", "\0"):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        attempt(repr(name), lambda n=name, k=kind: socket.socket(socket.AF_UNIX, k).connect(n))
with open("/proc/net/unix") as known:
    if strangers := [line.split()[-1] for line in known.readlines()[1:] if line.split()[-1][0] in "/@"]:
        found(strangers)
report()
