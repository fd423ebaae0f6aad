"""Show results in a terminal, and progress while grading. Owner of rich.

Every piece of text is a `rich.text.Text`, never markup; colours and redrawing only on a terminal.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from types import TracebackType
from typing import IO, Self

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text as Styled

from grader.job import JobResult, Score, State, Text
from grader.reports.changes import Change
from grader.reports.view import Case, Gradebook, Row
from grader.reports.wording import (
    ABOUT,
    APPROXIMATE,
    BONUS,
    CHANGES,
    COMMIT,
    DONE,
    HINT,
    LEFT,
    MORE,
    NO_WALL,
    OUTPUT,
    PASSING,
    PER_MINUTE,
    RUNNING,
    SUBMISSION,
    TOTAL,
    WALL,
    YOUR_OUTPUT,
    Lang,
    Outcome,
    cell_words,
    number,
    outcome_words,
    say,
    score_words,
)
from grader.sanitise import line

_WIDTH_ELSEWHERE = 120  # columns where there is no terminal to ask, such as a CI log
MOST_ROWS = 100  # of the table in a terminal
_SYMBOLS = {
    Outcome.PASSED: ("✔", "green"),
    Outcome.SKIPPED: ("–", "dim"),
    Outcome.UNGRADABLE: ("–", "dim"),
    Outcome.UNGRADED: ("?", "yellow"),
    Outcome.NOT_RUN: ("?", "yellow"),
}


def make_console(stream: IO[str] | None = None) -> Console:
    """Return a console on `stream` (default: stdout) that interprets nothing in the text it is given."""
    if stream is None and isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an old code page has no ✔
    console = Console(file=stream, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH_ELSEWHERE)
    return console


def score_table(book: Gradebook, lang: Lang) -> Group:
    """Return the table of submissions x exercises, as long as anyone reads, with what graded them below."""
    table = Table(title=Styled(say(book.course, lang)) if book.course else None, title_justify="left")
    table.add_column(Styled(say(SUBMISSION, lang)), overflow="fold")
    for exercise in book.exercises:
        table.add_column(Styled(exercise), justify="right")
    table.add_column(Styled(say(TOTAL, lang)), justify="right")
    for name in book.submissions[:MOST_ROWS]:
        rows = [book.row(name, exercise) for exercise in book.exercises]
        total = Styled(score_words(book.total(name), lang), style="bold")
        table.add_row(Styled(name), *(_cell(row, lang) for row in rows), total)
    more = len(book.submissions) - MOST_ROWS
    rest = [Styled(say(MORE, lang).format(more, "scores.csv"))] if more > 0 else []
    return Group(table, *rest, *_facts(book, lang))


def submission_detail(book: Gradebook, submission: str, lang: Lang, *, faults: bool = False) -> Group:
    """Return one submission test by test; `faults` adds our own tracebacks, for an instructor."""
    parts = [part for row in book.of(submission) for part in _exercise(row, lang, faults)]
    total = f"{say(TOTAL, lang)}: {score_words(book.total(submission), lang)}"
    return Group(*parts, Styled(total, style="bold"))


def check_detail(row: Row, lang: Lang) -> Group:
    """Return what a student is told of their own code by the public tests, which carry no points."""
    passed = sum(case.outcome is Outcome.PASSED for case in row.cases)
    facts = [row.exercise, say(row.title, lang), say(PASSING, lang).format(passed, len(row.cases))]
    facts += [f"{row.seconds:.1f} s"] if row.seconds else []
    style = "bold green" if passed == len(row.cases) else "bold"
    parts: list[Styled | Padding | Table] = [Styled(" · ".join(facts), style=style)]
    parts += [_indented(text, "yellow") for text in (say(row.notice, lang), row.fault) if text]
    if row.state is State.GRADED:
        grid = Table.grid(padding=(0, 1), pad_edge=True)
        for case in row.cases:
            symbol, colour = _symbol(case)
            grid.add_row(Styled(symbol, style=colour), _case(case, lang, colour, YOUR_OUTPUT))
        parts.append(grid)
    return Group(*parts, Styled(""))


def differences(found: Sequence[Change], lang: Lang) -> Group:
    """Return one line per score that changes, and how many do."""
    up = sum(change.by > 0 for change in found)
    down = sum(change.by < 0 for change in found)
    lines = [Styled(change.line, style="green" if change.by > 0 else "red") for change in found]
    return Group(*lines, Styled(say(CHANGES, lang).format(len(found), up, down), style="bold"))


class LiveProgress:
    """Progress of many jobs: a status line on a terminal, plain lines elsewhere. A context manager."""

    def __init__(
        self, total: int, console: Console, lang: Lang = "en", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._total = total
        self._console = console
        self._lang = lang
        self._clock = clock
        self._began = clock()
        self._done = 0
        self._running: dict[tuple[str, str], None] = {}
        # No refresh thread: the line changes only when something happens.
        self._live = (
            Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        )

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def started(self, submission: str, exercise: str) -> None:
        """Note that a job has begun."""
        self._running[submission, exercise] = None
        self._redraw()

    def finished(self, result: JobResult, score: Score) -> None:
        """Note that a job has ended, and print its line."""
        self._running.pop((result.submission, result.exercise), None)
        self._done += 1
        self._console.print(self._line(result, score), soft_wrap=True)
        self._redraw()

    def _line(self, result: JobResult, score: Score) -> Styled:
        words = cell_words(result.state, score, self._lang)
        name = line(result.submission, 100)
        return Styled(
            f"[{self._done}/{self._total}] {name} {result.exercise} {words} ({result.seconds:.1f} s)"
        )

    def _redraw(self) -> None:
        if not self._live:
            return
        left = self._total - self._done - len(self._running)
        names = ", ".join(f"{line(submission, 40)} {exercise}" for submission, exercise in self._running)
        running = f"{len(self._running)} {say(RUNNING, self._lang)}" + (f" ({names})" if names else "")
        facts = [f"{self._done} {say(DONE, self._lang)}", f"{left} {say(LEFT, self._lang)}", *self._pace()]
        text = " · ".join([*facts, running])  # last: it may be too long
        self._live.update(Styled(text, no_wrap=True, overflow="ellipsis"), refresh=True)

    def _pace(self) -> list[str]:
        """Say how fast it goes, and how long it will take if it goes on like that."""
        passed = self._clock() - self._began
        if not self._done or passed <= 0:
            return []
        left = passed / self._done * (self._total - self._done)
        rate = say(PER_MINUTE, self._lang).format(number(60 * self._done / passed, places=1))
        return [rate, say(ABOUT, self._lang).format(_duration(left))]


def _duration(seconds: float) -> str:
    """Write a time as one would say it: `40 s`, `3 min`, `1 h 5 min`."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _cell(row: Row | None, lang: Lang) -> Styled:
    if row is None:
        return Styled("")
    full = row.state is State.GRADED and row.score.points == row.score.maximum
    style = {State.MISSING: "dim", State.UNGRADED: "yellow"}.get(row.state, "green" if full else "")
    return Styled(cell_words(row.state, row.score, lang), style=style)


def _facts(book: Gradebook, lang: Lang) -> list[Styled]:
    facts = [f"{say(WALL, lang)}: {', '.join(book.walls)}"] if book.walls else []
    facts += [say(APPROXIMATE, lang)] if book.approximate_memory else []
    lines = [Styled(" · ".join(facts), style="dim")] if facts else []
    if "none" in book.walls:
        lines.append(Styled(say(NO_WALL, lang), style="bold red"))
    return lines


def _exercise(row: Row, lang: Lang, faults: bool) -> list[Styled | Padding | Table]:
    facts = [row.submission, say(row.title, lang), cell_words(row.state, row.score, lang), row.device]
    facts += [f"{say(COMMIT, lang)} {row.commit[:12]}"] if row.commit else []
    facts += [row.model] if row.model else []
    facts += [f"{row.seconds:.1f} s"] if row.seconds else []
    parts: list[Styled | Padding | Table] = [Styled(" · ".join(facts), style="bold")]
    if row.notice:
        parts.append(_indented(say(row.notice, lang), "yellow"))
    if faults and row.fault:
        parts.append(_indented(row.fault, "red"))
    if row.state is State.GRADED:
        parts.append(_cases(row, lang))
    return [*parts, Styled("")]


def _cases(row: Row, lang: Lang) -> Table:
    grid = Table.grid(padding=(0, 1), pad_edge=True)
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for case in row.cases:
        symbol, style = _symbol(case)
        points = f"{number(case.score.total)}/{number(case.spec.points)}"
        grid.add_row(Styled(symbol, style=style), Styled(points), _case(case, lang, style))
    return grid


def _symbol(case: Case) -> tuple[str, str]:
    if (case.outcome is Outcome.PASSED and case.fraction < 1) or case.kit:
        return "◐", "yellow"  # a test that grants parts of its points
    return _SYMBOLS.get(case.outcome, ("✘", "red"))


def _case(case: Case, lang: Lang, style: str, printed: Text = OUTPUT) -> Styled:
    text = Styled(say(case.spec.title, lang) or case.spec.name)
    if case.spec.bonus:
        text.append(f" ({say(BONUS, lang)})", style="dim")
    if case.outcome is not Outcome.PASSED:
        text.append(f" — {outcome_words(case.outcome, case.reason, lang)}", style=style)
    if case.message:
        text.append(f"\n{say(case.message, lang)}")
    if case.hint:
        text.append(f"\n{say(HINT, lang)}: {say(case.hint, lang)}", style="cyan")
    if case.output:
        text.append(f"\n{say(printed, lang)}:\n", style="dim")
        text.append("\n".join(f"│ {part}" for part in case.output.split("\n")))
    return text


def _indented(text: str, style: str) -> Padding:
    return Padding(Styled(text, style=style, overflow="fold"), (0, 0, 0, 2))
