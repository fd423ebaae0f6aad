import socket

for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    for kind, protocol in (
        (socket.SOCK_DGRAM, 0),
        (socket.SOCK_DGRAM, 136),
        (socket.SOCK_DGRAM, 1),
        (socket.SOCK_RAW, 1),
        (socket.SOCK_RAW, 255),
        (socket.SOCK_STREAM, 262),
        (socket.SOCK_STREAM, 132),
    ):
        attempt(
            f"{family} {kind} {protocol}",
            lambda f=family, k=kind, p=protocol, h=host: socket.socket(f, k, p).sendto(
                b"hello", (h, int("@@UDP@@"))
            ),
        )
for name in ("localhost", "example.com", "metadata.google.internal"):
    try:
        address = socket.getaddrinfo(name, 80)
    except OSError:
        continue
    if name != "localhost":
        found(address)
report()
