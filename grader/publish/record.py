"""What has been posted already: a small file that travels with the results, so that nothing is sent twice."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from grader.errors import UngradedError
from grader.reports.write import write_file


class Posted(Struct, frozen=True, forbid_unknown_fields=True):
    """The last post that a service took, for one student or one exercise of one."""

    digest: str
    when: str


class _Document(Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    posted: dict[str, dict[str, Posted]]


class Record:
    """By service and subject, the digest of what was taken last. Each note is on disk when `note` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._posted = _read(path)

    def knows(self, target: str, subject: str, digest: str) -> bool:
        """Say whether this was the last thing posted there about this subject."""
        last = self._posted.get(target, {}).get(subject)
        return last is not None and last.digest == digest

    def key(self, target: str, subject: str, digest: str) -> str:
        """Return a key for posting this now: the same until it has been taken, another one afterwards.

        Scores may go back to what they were; that is a new post, not the repetition of an old one.
        """
        last = self._posted.get(target, {}).get(subject)
        return hashlib.sha256(f"{last.digest if last else ''}\0{digest}".encode()).hexdigest()

    def note(self, target: str, subject: str, digest: str) -> None:
        """Note that the service has taken it."""
        when = datetime.now(UTC).isoformat(timespec="seconds")
        self._posted.setdefault(target, {})[subject] = Posted(digest, when)
        document = msgspec.json.encode(_Document(1, self._posted), order="deterministic")
        write_file(self._path, [msgspec.json.format(document, indent=1) + b"\n"])


def digest_of(*parts: object) -> str:
    """Return a digest of plain data that depends on its content alone."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> dict[str, dict[str, Posted]]:
    try:
        document = msgspec.json.decode(path.read_bytes(), type=_Document)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise UngradedError(
            f"{path} is no record of what was posted ({error}); "
            "restore it, or remove it and everything is posted once more"
        ) from error
    return document.posted
