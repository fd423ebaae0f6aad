"""Write all report files, each whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from grader.errors import UngradedError
from grader.reports.classroom import classroom
from grader.reports.gradescope import gradescope
from grader.reports.junit import junit
from grader.reports.markdown import markdown
from grader.reports.scores_csv import scores_csv
from grader.reports.scores_json import scores_json
from grader.reports.view import Gradebook
from grader.reports.wording import Lang


def write_all(book: Gradebook, directory: Path, lang: Lang = "en") -> tuple[Path, ...]:
    """Write `junit/NAME.xml`, `scores.json`, `scores.csv` and `summary.md`; return their paths.

    Raises `UngradedError` where a file cannot be written; what stood there before is then untouched.
    """
    files = {Path("junit") / f"{file_stem(name)}.xml": junit(book, name, lang) for name in book.submissions}
    files[Path("scores.json")] = scores_json(book)
    files[Path("scores.csv")] = scores_csv(book)
    files[Path("summary.md")] = markdown(book, lang).encode()
    for path, content in files.items():
        write_file(directory / path, content)
    return tuple(directory / path for path in files)


def write_formats(book: Gradebook, directory: Path, formats: Sequence[str], lang: Lang) -> tuple[Path, ...]:
    """Write what other systems read, `FORMAT/NAME.json` for every submission; return the paths."""
    make = {"gradescope": gradescope, "classroom": classroom}
    paths = []
    for form in formats:
        for name in book.submissions:
            paths.append(directory / form / f"{file_stem(name)}.json")
            write_file(paths[-1], make[form](book, name, lang))
    return tuple(paths)


def last_scores(directory: Path) -> bytes | None:
    """Return the scores.json of an earlier report, None where there is none."""
    try:
        return (directory / "scores.json").read_bytes()
    except OSError:
        return None


def write_file(path: Path, content: bytes) -> None:
    """Replace `path` by `content` in one step, so that no reader and no crash meets half a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UngradedError(
            f"cannot write {path}: {error.strerror}; the results are kept: "
            "make room or choose another folder, then run `grader report`"
        ) from error


def file_stem(name: str) -> str:
    """Return a file name for a submission; a name unfit for one is rewritten and told apart by a digest."""
    if re.fullmatch(r"[\w@+][\w.@+-]*", name) and len(name.encode()) <= 150:
        return name
    digest = hashlib.sha256(name.encode("utf-8", errors="backslashreplace")).hexdigest()[:8]
    readable = re.sub(r"[^\w@+-]", "_", name)[:30]
    return f"{readable}-{digest}"
