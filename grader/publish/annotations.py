"""Point at the student's own lines: what a report says of a place in their files, and of no other place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from grader.reports.view import Case, Row
from grader.reports.wording import HINT, Lang, Outcome, say
from grader.sanitise import line, plain

MOST = 50  # GitHub takes no more at a time
_MESSAGE = 4_000  # characters
# As the import policy writes its findings, and Python a traceback.
_PLACE = re.compile(r'([\w./-]+\.py)"?, line (\d{1,6})\b', re.ASCII)


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is to be said at one line of one file of the student's repository."""

    path: str
    line: int
    title: str
    message: str


def marks_on(rows: tuple[Row, ...], lang: Lang) -> tuple[Annotation, ...]:
    """Return what can be said at the student's lines, one annotation for each line, at most `MOST`."""
    found: dict[tuple[str, int], list[tuple[str, str]]] = {}
    for row in rows:
        for place, title, message in _said(row, lang):
            at_place = found.setdefault(place, [])
            if (title, message) not in at_place:
                at_place.append((title, message))
    return tuple(_annotation(place, said) for place, said in list(found.items())[:MOST])


def _annotation(place: tuple[str, int], said: list[tuple[str, str]]) -> Annotation:
    (title, message), *others = said
    parts = [message, *(f"{other}\n{text}" for other, text in others)]
    return Annotation(*place, line(title, 200), plain("\n\n".join(parts), _MESSAGE))


def _said(row: Row, lang: Lang) -> Iterator[tuple[tuple[str, int], str, str]]:
    """Yield (place, title, message). A notice names its places in English, whatever the student reads."""
    exercise, lengths = say(row.title, lang), dict(row.files)
    english, own = row.notice.en.splitlines(), say(row.notice, lang).splitlines()
    if english and english[0].startswith("Traceback"):
        for place in _places(row.notice.en, row)[-1:]:
            yield place, exercise, say(row.notice, lang)
    else:
        for number, text in enumerate(english):
            for place in _places(text, row)[:1]:
                yield place, exercise, own[number] if len(own) == len(english) else text
    for case in row.cases:
        if case.outcome not in (Outcome.PASSED, Outcome.SKIPPED) and not case.told:
            place = (case.place.file, case.place.line) if case.place else ("", 0)
            if 1 <= place[1] <= lengths.get(place[0], 0):
                yield place, f"{exercise}: {say(case.spec.title, lang) or case.spec.name}", _words(case, lang)


def _words(case: Case, lang: Lang) -> str:
    hint = f"\n{say(HINT, lang)}: {say(case.hint, lang)}" if case.hint else ""
    return f"{say(case.message, lang)}{hint}"


def _places(text: str, row: Row) -> list[tuple[str, int]]:
    """Return the places in a text that exist in what was graded; students can name any place they like."""
    lengths = dict(row.files)
    found = []
    for name, number in _PLACE.findall(text):
        for path in (name, f"exercises/{row.exercise}/{name}", f"exercises/{name}"):
            if 1 <= int(number) <= lengths.get(path, 0):
                found.append((path, int(number)))
                break
    return found
