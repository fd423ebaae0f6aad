"""A stand-in for the real serve loop: runs the Python text it is sent and sends back its `answer`."""

import socket
import struct
from collections.abc import Sequence


def serve(sock: socket.socket, scratch: Sequence[str]) -> None:
    """Run one text after another: u32 length, text; the answer goes back the same way."""
    while True:
        size = struct.unpack("<I", receive(sock, 4))[0]
        names = {"sock": sock, "answer": "done"}
        try:
            exec(receive(sock, size).decode(), names)
            answer = str(names["answer"])
        except Exception as problem:
            answer = f"{type(problem).__name__}: {problem}"
        data = answer.encode()
        sock.sendall(struct.pack("<I", len(data)) + data)


def receive(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = sock.recv(size - len(data))
        if not chunk:
            raise SystemExit
        data += chunk
    return data
