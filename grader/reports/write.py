"""Write the report files that changed, each whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from grader.errors import UngradedError
from grader.reports.changes import Change, changes
from grader.reports.classroom import classroom
from grader.reports.gradescope import gradescope
from grader.reports.junit import junit
from grader.reports.made import RECORD, Made, digest_of, origin_of, read_made
from grader.reports.markdown import markdown
from grader.reports.scores_csv import scores_csv
from grader.reports.scores_json import SubmissionScore, read_submission, scores_lines, submission_lines
from grader.reports.view import Gradebook
from grader.reports.wording import Lang
from grader.store import source_digest

SCORES = "scores.json"


def write_all(book: Gradebook, directory: Path, lang: Lang = "en") -> tuple[Path, ...]:
    """Write `junit/NAME.xml`, `scores.json`, `scores.csv` and `summary.md`; return their paths.

    What would show the same as before is left as it is. Raises `UngradedError` where a file cannot be
    written; what stood there before is then untouched.
    """
    made, origins = read_made(directory), _origins(book, lang)
    whole = _origin_of_whole(book, lang, origins)
    contents: dict[str, tuple[str, Callable[[], Iterable[bytes]]]] = {
        f"junit/{file_stem(name)}.xml": (origins[name], lambda name=name: [junit(book, name, lang)])  # type: ignore[misc]
        for name in book.submissions
    }
    contents[SCORES] = (whole, lambda: scores_lines(book, _kept(directory, made, origins)))
    contents["scores.csv"] = (whole, lambda: [scores_csv(book)])
    contents["summary.md"] = (whole, lambda: [markdown(book, lang).encode()])
    files = dict(made.files)
    for name, (origin, parts) in contents.items():
        if not made.is_current(directory, name, origin):
            files[name] = (origin, write_file(directory / name, parts()))
    now = Made({name: files[name] for name in contents}, origins)
    if now != made:
        write_file(directory / RECORD, [msgspec.json.encode(now)])
    return tuple(directory / name for name in contents)


def write_formats(book: Gradebook, directory: Path, formats: Sequence[str], lang: Lang) -> tuple[Path, ...]:
    """Write what other systems read, `FORMAT/NAME.json` for every submission; return the paths."""
    make = {"gradescope": gradescope, "classroom": classroom}
    paths = []
    for form in formats:
        for name in book.submissions:
            paths.append(directory / form / f"{file_stem(name)}.json")
            write_file(paths[-1], [make[form](book, name, lang)])
    return tuple(paths)


def earlier_scores(book: Gradebook, directory: Path, lang: Lang) -> Iterator[SubmissionScore]:
    """Yield what the scores.json of a folder says of the submissions that may have changed since.

    Raises OSError, `msgspec.DecodeError` where there is none, or something else of that name.
    """
    made, origins = read_made(directory), _origins(book, lang)
    if made.is_current(directory, SCORES, _origin_of_whole(book, lang, origins)):
        return
    same = {name for name, origin in origins.items() if origin and made.submissions.get(name) == origin}
    for name, part in submission_lines(directory / SCORES):
        if name not in same:
            yield read_submission(part)


def changes_since_written(book: Gradebook, directory: Path, lang: Lang) -> Iterator[Change]:
    """Yield whose score differs from the last report; nothing, where there is none that can be read."""
    with suppress(OSError, msgspec.DecodeError):
        yield from changes(earlier_scores(book, directory, lang), book)


def _origins(book: Gradebook, lang: Lang) -> dict[str, str]:
    """Digest what is shown of each submission, and how; "" where that is not known."""
    known = {name: book.origins.get(name, "") for name in book.submissions}
    return {name: origin and origin_of(origin, lang, source_digest()) for name, origin in known.items()}


def _origin_of_whole(book: Gradebook, lang: Lang, origins: dict[str, str]) -> str:
    """Digest what the files on the whole course show, but not when it was put together."""
    if not all(origins.values()):
        return ""
    return origin_of(book.course, book.versions, book.exercises, lang, source_digest(), origins)


def _kept(directory: Path, made: Made, origins: dict[str, str]) -> Callable[[str], bytes | None]:
    """Return a function that gives the line of a submission that has not changed, asked for in order."""
    path = directory / SCORES
    recorded = made.files.get(SCORES, ("", ""))[1]
    intact = recorded and recorded == digest_of(path)
    lines = submission_lines(path) if intact else iter(())
    next_line = next(lines, None)

    def kept(name: str) -> bytes | None:
        nonlocal next_line
        while next_line and next_line[0] < name:
            next_line = next(lines, None)
        same = next_line and next_line[0] == name and made.submissions.get(name) == origins[name]
        return next_line[1] if next_line and same and origins[name] else None

    return kept


def write_file(path: Path, parts: Iterable[bytes]) -> str:
    """Replace `path` in one step, so that no reader and no crash meets half a file; return its digest."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    digest = hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                for part in parts:
                    digest.update(part)
                    file.write(part)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UngradedError(
            f"cannot write {path}: {error.strerror}; the results are kept: "
            "make room or choose another folder, then run `grader report`"
        ) from error
    return digest.hexdigest()


def file_stem(name: str) -> str:
    """Return a file name for a submission; a name unfit for one is rewritten and told apart by a digest."""
    if re.fullmatch(r"[\w@+][\w.@+-]*", name) and len(name.encode()) <= 150:
        return name
    digest = hashlib.sha256(name.encode("utf-8", errors="backslashreplace")).hexdigest()[:8]
    readable = re.sub(r"[^\w@+-]", "_", name)[:30]
    return f"{readable}-{digest}"
