"""Write the scores as a table for a spreadsheet, `scores.csv`: one row per submission.

The file starts with a byte order mark: without one, Excel reads UTF-8 as the machine's old code page,
and every Chinese name is garbled. Python reads it with the encoding `utf-8-sig`.
"""

from __future__ import annotations

import csv
from io import StringIO

from grader.job import Score, State
from grader.reports.view import Gradebook
from grader.reports.wording import number
from grader.sanitise import csv_cell

_PER_EXERCISE = ("points", "max", "bonus")
_TOTALS = ("points", "max", "bonus", "ungradable")


def scores_csv(book: Gradebook) -> bytes:
    """Return the table; an exercise without a result leaves its cells empty."""
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_header(book))
    writer.writerows(_row(book, name) for name in book.submissions)
    return text.getvalue().encode("utf-8-sig")


def _header(book: Gradebook) -> list[str]:
    columns = [f"{exercise} {column}" for exercise in book.exercises for column in _PER_EXERCISE]
    return ["submission", "status", *columns, *(f"total {column}" for column in _TOTALS)]


def _row(book: Gradebook, submission: str) -> list[str]:
    rows = [book.row(submission, exercise) for exercise in book.exercises]
    cells = [cell for row in rows for cell in _cells(row.score if row else None)]
    total = book.total(submission)
    totals = [_exact(total.points), _exact(total.maximum), _exact(total.bonus), _exact(total.ungradable)]
    return [csv_cell(submission), _status(book, submission), *cells, *totals]


def _cells(score: Score | None) -> list[str]:
    if score is None:
        return [""] * len(_PER_EXERCISE)
    return [_exact(score.points), _exact(score.maximum), _exact(score.bonus)]


def _status(book: Gradebook, submission: str) -> str:
    """Return `graded`, or what a human has to look at: `missing: sampling; ungraded: llamascratch`."""
    rows = [row for exercise in book.exercises if (row := book.row(submission, exercise))]
    found = {
        "missing": [row.exercise for row in rows if row.state is State.MISSING],
        "ungraded": [row.exercise for row in rows if row.state is State.UNGRADED],
        "incomplete": [row.exercise for row in rows if row.state is State.GRADED and row.score.ungradable],
        "no sandbox": [row.exercise for row in rows if row.wall == "none"],
    }
    return "; ".join(f"{word}: {' '.join(names)}" for word, names in found.items() if names) or "graded"


def _exact(points: float) -> str:
    return number(points, places=6)
