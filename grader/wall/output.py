"""What a job prints: drained all the time, its beginning and end kept, the rest only counted."""

from __future__ import annotations

import os

KEEP = 64 << 10  # bytes kept of each end
_CHUNK = 1 << 16


class Output:
    """Keep the first and the last 64 KiB of a stream."""

    def __init__(self) -> None:
        self.total = 0
        self._head = bytearray()
        self._tail = bytearray()
        self._seen = 0  # bytes since the last `take`

    def drain(self, fd: int) -> int | None:
        """Read once without waiting: the number of bytes, 0 at the end, None when nothing is there."""
        try:
            chunk = os.read(fd, _CHUNK)
        except BlockingIOError:
            return None
        self.add(chunk)
        return len(chunk)

    def add(self, chunk: bytes) -> None:
        """Take in some output."""
        self.total += len(chunk)
        self._seen += len(chunk)
        room = KEEP - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:] if room > 0 else chunk
        del self._tail[:-KEEP]

    @property
    def kept(self) -> bytes:
        """Return beginning and end, with a line between them that says how much is missing."""
        missing = self._seen - len(self._head) - len(self._tail)
        gap = b"\n[... %d bytes left out ...]\n" % missing if missing else b""
        return bytes(self._head) + gap + bytes(self._tail)

    def take(self) -> str:
        """Return what is kept since the last call, and forget it. Not yet safe to print."""
        text = self.kept.decode("utf-8", "backslashreplace")
        self._head.clear()
        self._tail.clear()
        self._seen = 0
        return text
