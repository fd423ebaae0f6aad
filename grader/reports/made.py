"""What the report files of a folder were made of, so that only what changed is written again.

A file is left as it is where it was made of the same results by the same code, and still has the bytes that
it had then: all of them are read, no time of change is trusted.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from msgspec import Struct

RECORD = ".made.json"


class Made(Struct, frozen=True):
    """`files`: (digest of what it was made of, digest of its bytes) by path in the folder.

    `submissions` are the digests of what the lines of scores.json were made of.
    """

    files: dict[str, tuple[str, str]] = {}
    submissions: dict[str, str] = {}

    def is_current(self, directory: Path, name: str, origin: str) -> bool:
        """Tell whether a file need not be written again."""
        recorded, content = self.files.get(name, ("", ""))
        return bool(origin) and recorded == origin and content == digest_of(directory / name)


def read_made(directory: Path) -> Made:
    """Return what is recorded of a folder: nothing, where there is no record or no readable one."""
    try:
        return msgspec.json.decode((directory / RECORD).read_bytes(), type=Made)
    except (OSError, msgspec.DecodeError):
        return Made()


def digest_of(path: Path) -> str:
    """Digest the bytes of a file; "" where there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def origin_of(*parts: object) -> str:
    """Digest what something is made of."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()
