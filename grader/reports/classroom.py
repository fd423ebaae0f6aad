"""Write one submission's results as a GitHub Classroom runner hands them to the autograding reporter.

In a workflow a step puts them, as base64, into its output `result`; docs/github.md shows it. Classroom adds
up the `score` of all tests, and shows `max_score` beside it.
"""

from __future__ import annotations

import msgspec

from grader.reports.view import Case, Gradebook, Row
from grader.reports.wording import HINT, Lang, Outcome, say


def classroom(book: Gradebook, submission: str, lang: Lang) -> bytes:
    """Return the document of one submission."""
    tests = [_test(row, case, lang) for row in book.of(submission) for case in row.cases]
    full = all(test["status"] == "pass" for test in tests)
    document = {
        "version": 1,
        "status": "pass" if full else "fail",
        "max_score": book.total(submission).maximum,
        "tests": tests,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def _test(row: Row, case: Case, lang: Lang) -> dict[str, object]:
    hint = f"{say(HINT, lang)}: {say(case.hint, lang)}" if case.hint else ""
    right = case.outcome is Outcome.PASSED or case.outcome is Outcome.UNGRADABLE
    wrong = "error" if case.outcome in (Outcome.ERROR, Outcome.KILLED, Outcome.UNGRADED) else "fail"
    return {
        "name": f"{say(row.title, lang)}: {say(case.spec.title, lang) or case.spec.name}",
        "status": "pass" if right else wrong,
        "score": case.score.total,
        "message": "\n".join(part for part in (say(case.message, lang), hint) if part),
        "test_code": "",
        "filename": "",
        "line_no": 0,
        "duration": round(1000 * case.seconds),
    }
