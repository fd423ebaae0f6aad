import socket

PLACES = (
    ("127.0.0.1", "@@TCP@@"),
    ("::1", "@@TCP6@@"),
    ("169.254.169.254", "80"),
    ("192.0.2.1", "80"),
    ("2001:db8::1", "80"),
    ("0.0.0.0", "@@TCP@@"),
    ("168.63.129.16", "80"),
)
for host, port in PLACES:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if not port.isdigit():
        continue  # a machine without IPv6

    def connect(family=family, address=(host, int(port))):
        with socket.socket(family) as sock:
            sock.settimeout(0.2)
            sock.connect(address)
            sock.send(b"hello")

    attempt(f"connect {host}", connect)
    attempt(f"listen {family}", lambda family=family: socket.create_server(("", 0), family=family))
report()
