"""A terminal or a CI log shows results and obeys nothing in them."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from grader.job import JobResult, Score, State
from grader.reports.github import commands_stopped
from grader.reports.terminal import LiveProgress, make_console, score_table, submission_detail

RESULT = JobResult("llamascratch", "alice", "cpu", State.GRADED, seconds=4.13)


def shown(*parts, width=None):
    """Return what a log gets, without the blanks that fill up a table's lines."""
    stream = io.StringIO()
    console = make_console(stream)
    if width:
        console.width = width
    for part in parts:
        console.print(part)
    return re.sub(r" +\n", "\n", stream.getvalue())


def on_terminal(width=100):
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        markup=False,
        highlight=False,
        width=width,
        color_system="standard",
    )


@pytest.mark.parametrize("width", [30, 80, 200])
def test_no_line_orders_anything(book, width):
    parts = [submission_detail(book, name, "en", faults=True) for name in book.submissions]
    text = shown(*parts, score_table(book, "en"), width=width)
    assert all(char.isprintable() or char == "\n" for char in text)
    assert not re.search(r"::|##\w*\[", text)


def test_markup_is_text(book):
    assert "[red]markup[/]" in shown(submission_detail(book, "mallory", "en"))


def test_the_table_has_every_score(book):
    text = shown(score_table(book, "en"), width=200)
    row = next(part for part in text.splitlines() if "alice" in part)
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "alice", "8.17/9.5 +5", "90/90 (10 not gradable here)", "98.17/99.5 +5 (10 not gradable here)",
    ]  # fmt: skip
    assert "sandbox: A" in text
    assert "WITHOUT a sandbox" not in text


def test_the_detail_of_a_student(book):
    english = shown(submission_detail(book, "mallory", "en"))
    chinese = shown(submission_detail(book, "mallory", "zh"))
    assert re.search(r"✘ +0/60 L1 · logits — failed\n +off by 0.4\n +hint: mind ε\n", english)
    assert re.search(r"✘ +0/60 L1 · logits — 未通过\n +偏差 0.4\n +提示: 注意 ε", chinese)
    assert "S2 · top-p | nucleus — killed (too slow)" in english
    assert "– +0/30 L2 · cache — skipped".replace(" +", " ") in re.sub(" +", " ", english)
    assert re.search(
        r"✔ +4/4 S1 · top-k\n +output of the student's code \(untrusted\):\n +│ hello",
        shown(submission_detail(book, "alice", "en")),
    )


def test_the_real_checkpoint_is_named(book):
    assert shown(submission_detail(book, "alice", "en")).count("· TinyLlama (0123abcd) ·") == 1


def test_a_part_of_the_points_is_explained(book):
    assert re.search(
        r"◐ +0.67/2 Z8 · pseudocode\n +2 of 3 sections\n", shown(submission_detail(book, "alice", "en"))
    )


def test_a_notice_is_shown_once(book):
    text = shown(submission_detail(book, "carol", "en"))
    assert text.count("There is no folder for this exercise.") == 2
    assert "✘" not in text


def test_our_own_traceback_is_for_instructors(book):
    assert "judge.py" not in shown(submission_detail(book, "dave", "en"))
    assert "judge.py" in shown(submission_detail(book, "dave", "en", faults=True))


def test_colours_on_a_terminal_only(book):
    assert "\x1b" not in shown(score_table(book, "en"))
    console = on_terminal()
    console.print(score_table(book, "en"))
    assert "\x1b[" in console.file.getvalue()


def test_progress_in_a_log_is_one_line_per_job():
    stream = io.StringIO()
    with LiveProgress(12, make_console(stream)) as progress:
        for _ in range(2):
            progress.started("alice", "llamascratch")
            progress.finished(RESULT, Score(87, 100, 5))
        progress.finished(JobResult("sampling", "x" * 300, "cpu", State.UNGRADED), Score(ungradable=100))
    first, second, third = stream.getvalue().splitlines()
    assert first == "[1/12] alice llamascratch 87/100 +5 (4.1 s)"
    assert second.startswith("[2/12] ")
    assert third == f"[3/12] {'x' * 99}… sampling ungraded (0.0 s)"


def test_progress_on_a_terminal_says_what_runs():
    console, times = on_terminal(), iter([0, 1, 2, 60])
    with LiveProgress(121, console, clock=lambda: next(times)) as progress:
        progress.started("alice", "llamascratch")
        progress.started("bob", "sampling")
        progress.finished(RESULT, Score(87, 100))
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
    assert "0 done · 119 left · 2 running (alice llamascratch, bob sampling)" in text
    assert "1 done · 119 left · 1 a minute · about 2 h 0 min left · 1 running (bob sampling)" in text
    assert "[1/121] alice llamascratch 87/100 (4.1 s)" in text


def interrupt(progress):
    with progress:
        progress.started("alice", "sampling")
        raise KeyboardInterrupt


def test_an_interrupted_progress_gives_the_terminal_back():
    console = on_terminal()
    with pytest.raises(KeyboardInterrupt):
        interrupt(LiveProgress(3, console))
    assert console.file.getvalue().rstrip().endswith("\x1b[2K")  # the status line is wiped
    assert "\x1b[?25h" in console.file.getvalue()  # the cursor is back


def test_progress_costs_next_to_nothing():
    start = time.process_time()
    with LiveProgress(1000, make_console(io.StringIO())) as progress:
        for _ in range(1000):
            progress.started("alice", "llamascratch")
            progress.finished(RESULT, Score(87, 100))
    assert time.process_time() - start < 5


def test_commands_are_stopped_in_a_workflow():
    stream = io.StringIO()
    with commands_stopped(stream, {"GITHUB_ACTIONS": "true"}):
        stream.write("student")
    token = re.fullmatch(r"::stop-commands::(\w{32})\nstudent\n::(\w{32})::\n", stream.getvalue())
    assert token[1] == token[2]


def test_commands_are_let_alone_elsewhere():
    stream = io.StringIO()
    with commands_stopped(stream, {}):
        stream.write("student")
    assert stream.getvalue() == "student"
