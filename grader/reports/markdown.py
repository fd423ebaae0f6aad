"""Write results as Markdown for a step summary: a table of the class, then each submission in detail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grader.job import State, Text
from grader.reports.view import Case, Gradebook, Row
from grader.reports.wording import (
    APPROXIMATE,
    BONUS,
    COMMIT,
    EXERCISE,
    HINT,
    LEFT_OUT,
    NO_WALL,
    OUTPUT,
    PASSING,
    POINTS,
    RESULT,
    SCORES,
    SHORTENED,
    SUBMISSION,
    TEST,
    TOTAL,
    WALL,
    Lang,
    Outcome,
    cell_words,
    number,
    outcome_words,
    say,
    score_words,
)
from grader.sanitise import markdown_block, markdown_line

LIMIT = 1_000_000  # bytes; GitHub drops a step summary beyond 1 MiB


def markdown(book: Gradebook, lang: Lang, limit: int = LIMIT) -> str:
    """Return the class table and as many details as fit into `limit` bytes; what is left out is counted."""
    parts = [class_table(book, lang)]
    size = len(parts[0].encode())
    for index, name in enumerate(book.submissions):
        part = submission_detail(book, name, lang)
        size += len(part.encode()) + 1
        if size > limit:
            parts.append(f"_{say(LEFT_OUT, lang)}: {len(book.submissions) - index}_\n")
            break
        parts.append(part)
    return "\n".join(parts)


def class_table(book: Gradebook, lang: Lang) -> str:
    """Return a table of all submissions x exercises with points and totals."""
    heads = [
        say(SUBMISSION, lang),
        *(say(book.title(name), lang) for name in book.exercises),
        say(TOTAL, lang),
    ]
    lines = [f"# {markdown_line(say(book.course or SCORES, lang))}", "", *_facts(book, lang), ""]
    lines += [_table_row(heads), "|---|" + "--:|" * (len(heads) - 1)]
    for name in book.submissions:
        rows = [book.row(name, exercise) for exercise in book.exercises]
        cells = [cell_words(row.state, row.score, lang) if row else "" for row in rows]
        lines.append(_table_row([name, *cells, score_words(book.total(name), lang)]))
    return "\n".join(lines) + "\n"


def submission_detail(book: Gradebook, submission: str, lang: Lang) -> str:
    """Return every test of one submission, with messages and hints."""
    total = score_words(book.total(submission), lang)
    parts = [f"## {markdown_line(submission)} — {total}\n"]
    parts += ["\n".join(_exercise(row, lang)) + "\n" for row in book.of(submission)]
    return "\n".join(parts)


def student_page(book: Gradebook, submission: str, lang: Lang, limit: int, notes: Sequence[Text] = ()) -> str:
    """Return what one student needs: points per exercise, then what lost points and why, in `limit` bytes.

    `notes` concern the whole repository.
    """
    rows = book.of(submission)
    lines = [_table_row([say(EXERCISE, lang), say(POINTS, lang)]), "|---|--:|"]
    lines += [_table_row([say(row.title, lang), cell_words(row.state, row.score, lang)]) for row in rows]
    lines += [_table_row([say(TOTAL, lang), score_words(book.total(submission), lang)]), ""]
    lines += [f"> {markdown_line(say(note, lang), 500)}\n" for note in notes[:10]]
    left = limit - len("\n".join(lines).encode()) - 200
    for row in rows:
        for part in _losses(row, lang):
            left -= len(part.encode()) + 1
            if left < 0:
                return "\n".join([*lines, f"_{say(SHORTENED, lang)}_\n"])
            lines.append(part)
    return "\n".join(lines)


def _losses(row: Row, lang: Lang) -> Iterator[str]:
    """Yield a heading, the notice, and every test that did not earn all of its points, in detail."""
    if row.state is not State.GRADED:
        return
    lost = [case for case in row.cases if case.outcome is not Outcome.PASSED or case.fraction < 1]
    passing = say(PASSING, lang).format(len(row.cases) - len(lost), len(row.cases))
    yield f"### {markdown_line(say(row.title, lang))} — {passing}\n"
    if row.notice:
        yield f"{markdown_block(say(row.notice, lang))}\n"
    for case in lost:
        if case.outcome not in (Outcome.SKIPPED, Outcome.UNGRADABLE):
            yield "\n".join(_case(case, lang))


def _facts(book: Gradebook, lang: Lang) -> Iterator[str]:
    facts = [book.created, f"{say(WALL, lang)}: {', '.join(book.walls)}" if book.walls else ""]
    facts += [f"{name} {version}" for name, version in book.versions]
    if book.approximate_memory:
        facts.append(say(APPROXIMATE, lang))
    yield markdown_line(" · ".join(fact for fact in facts if fact), limit=1000)
    if "none" in book.walls:
        yield f"\n> **{say(NO_WALL, lang)}**"


def _exercise(row: Row, lang: Lang) -> Iterator[str]:
    facts = [f"{say(COMMIT, lang)} {markdown_line(row.commit)}"] if row.commit else []
    facts += [markdown_line(row.model)] if row.model else []
    on = f" ({' · '.join(facts)})" if facts else ""
    yield f"### {markdown_line(say(row.title, lang))} — {cell_words(row.state, row.score, lang)}{on}\n"
    if row.notice:
        yield f"{markdown_block(say(row.notice, lang))}\n"
    if row.state is not State.GRADED:
        return
    yield _table_row([say(TEST, lang), say(RESULT, lang), say(POINTS, lang)])
    yield "|---|---|--:|"
    for case in row.cases:
        yield _table_row([_title(case, lang), outcome_words(case.outcome, case.reason, lang), _points(case)])
    yield ""
    for case in row.cases:
        yield from _case(case, lang)


def _case(case: Case, lang: Lang) -> Iterator[str]:
    parts = [say(case.message, lang), f"{say(HINT, lang)}: {say(case.hint, lang)}" if case.hint else ""]
    words = "\n".join(part for part in parts if part)
    if not (words or case.output):
        return
    yield f"**{markdown_line(_title(case, lang))}** — {outcome_words(case.outcome, case.reason, lang)}\n"
    if words:
        yield f"{markdown_block(words)}\n"
    if case.output:
        yield f"{say(OUTPUT, lang)}\n\n{markdown_block(case.output)}\n"


def _title(case: Case, lang: Lang) -> str:
    title = say(case.spec.title, lang) or case.spec.name
    return f"{title} ({say(BONUS, lang)})" if case.spec.bonus else title


def _points(case: Case) -> str:
    return f"{number(case.score.total)}/{number(case.spec.points)}"


def _table_row(cells: list[str]) -> str:
    return f"| {' | '.join(map(markdown_line, cells))} |"
