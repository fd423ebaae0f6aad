"""The files of jobs that wait, kept on disk: a class of thousands must not fill the memory of a run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec


class Spool:
    """Takes files and gives back a mapping that reads them anew each time it is asked. A context manager.

    It is the bytes that were digested which a job is graded on, whatever the student's folder holds by then.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._disk = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # closed with the spool
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._disk.close()

    def keep(self, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """Write files to disk. Raises OSError where it is full."""
        data = msgspec.msgpack.encode({os.fsencode(name): content for name, content in files.items()})
        kept = _Kept(self._disk, self._end, len(data))
        self._disk.write(data)
        self._disk.flush()
        self._end += len(data)
        return kept


class _Kept(Mapping[str, bytes]):
    """Files on disk; sent to another process they are a dictionary."""

    __slots__ = ("_disk", "_size", "_start")

    def __init__(self, disk: IO[bytes], start: int, size: int) -> None:
        self._disk, self._start, self._size = disk, start, size

    def __getitem__(self, name: str) -> bytes:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __reduce__(self) -> tuple[type[dict[str, bytes]], tuple[dict[str, bytes]]]:
        return dict, (self._read(),)

    def _read(self) -> dict[str, bytes]:
        data = os.pread(self._disk.fileno(), self._size, self._start)
        found = msgspec.msgpack.decode(data, type=dict[bytes, bytes])
        return {os.fsdecode(name): content for name, content in found.items()}
