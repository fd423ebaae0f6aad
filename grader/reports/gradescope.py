"""Write one submission's results as Gradescope's `results.json`.

The format: https://gradescope-autograders.readthedocs.io/en/latest/specs/. Points that could not be graded
here are in no `max_score`, as everywhere; bonus points have a `max_score` of 0 and come on top.
"""

from __future__ import annotations

import msgspec

from grader.reports.view import Case, Gradebook, Row
from grader.reports.wording import BONUS, HINT, Lang, Outcome, outcome_words, say, score_words


def gradescope(book: Gradebook, submission: str, lang: Lang) -> bytes:
    """Return the document of one submission."""
    rows = book.of(submission)
    total = book.total(submission)
    document = {
        "score": total.total,
        "output": score_words(total, lang),
        "output_format": "text",
        "execution_time": round(sum(row.seconds for row in rows), 3),
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [
            _test(row, case, f"{m}.{n}", lang)
            for m, row in enumerate(rows, 1)
            for n, case in enumerate(row.cases, 1)
        ],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def _test(row: Row, case: Case, number: str, lang: Lang) -> dict[str, object]:
    title = say(case.spec.title, lang) or case.spec.name
    name = f"{say(row.title, lang)}: {title}" + (f" ({say(BONUS, lang)})" if case.spec.bonus else "")
    hint = f"{say(HINT, lang)}: {say(case.hint, lang)}" if case.hint else ""
    said = [outcome_words(case.outcome, case.reason, lang), say(case.message, lang), hint, case.output]
    test = {
        "number": number,
        "name": name,
        "score": case.score.total,
        "max_score": case.score.maximum,
        "output": "\n".join(part for part in said if part),
        "output_format": "text",
        "name_format": "text",
        "visibility": "visible",
    }
    if case.outcome not in (Outcome.UNGRADABLE, Outcome.UNGRADED):  # neither passed nor failed
        test["status"] = "passed" if case.outcome is Outcome.PASSED else "failed"
    return test
