"""The view scores once, hides what is secret, and makes every text harmless."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.job import (
    NO_TEXT,
    JobResult,
    Place,
    Reason,
    Score,
    State,
    Status,
    TestResult,
    TestSpec,
    Text,
    add_up,
    score_job,
)
from grader.reports.view import Gradebook, combine, make_row
from grader.reports.wording import EXPLANATIONS, OUTCOMES, REASONS, Outcome, number, say, score_words

POINTS = st.floats(0, 100).map(lambda x: round(x, 2))
SPECS = st.lists(
    st.builds(TestSpec, st.uuids().map(str), POINTS, st.just(NO_TEXT), st.booleans()),
    max_size=6,
    unique_by=lambda s: s.name,
)


def strings(value):
    """Walk over every string in a tree of dataclasses."""
    if isinstance(value, str):
        yield value
    elif is_dataclass(value):
        for part in fields(value):
            yield from strings(getattr(value, part.name))
    elif isinstance(value, tuple):
        for part in value:
            yield from strings(part)


def job(state=State.GRADED, tests=(), **changes):
    return replace(JobResult("sampling", "alice", "cpu", state, tests), **changes)


@given(SPECS, st.sampled_from(State), st.data())
def test_cases_add_up_to_the_score_of_the_job(specs, state, data):
    ends = [TestResult(s.name, data.draw(st.sampled_from(Status)), data.draw(st.floats(0, 1))) for s in specs]
    ends = [end for end in ends if data.draw(st.booleans())]
    result = job(state, tuple(ends) if state is State.GRADED else ())
    row = make_row(result, specs, NO_TEXT)
    assert tuple(row.score) == pytest.approx(tuple(score_job(specs, result)), abs=1e-6)
    assert add_up(case.score for case in row.cases) == row.score
    assert [case.spec for case in row.cases] == specs


@pytest.mark.parametrize(
    ("file", "kept"),
    [
        ("exercises/x/solution.py", True),
        ("exercises/x/学生.py", True),
        ("exercises/x/a::b.py", False),
        ("exercises/x/\u3164.py", False),
    ],
)
def test_a_place_is_shown_as_it_is_or_not_at_all(file, kept):
    spec = TestSpec("test_a", 1.0, NO_TEXT)
    raised = TestResult("test_a", Status.ERROR, place=Place(file, 3))
    (case,) = make_row(job(tests=(raised,)), [spec], NO_TEXT).cases
    assert case.place == (Place(file, 3) if kept else None)


def test_totals_are_the_sum_over_the_exercises(book):
    assert book.total("alice") == Score(4 + 3.5 + 0.666667 + 90, 9.5 + 90, 5, 10)
    assert book.total("carol") == Score(0, 109.5, 0, 0)
    assert book.total("dave") == Score(0, 0, 0, 9.5)


def test_nothing_secret_is_in_a_view(book):
    everything = "\n".join(text for row in book.rows for text in strings(row))
    assert "987654321" not in everything
    assert "hidden output" not in everything
    assert not any(part.name in ("seed", "margins") for row in book.rows for part in fields(row))


def test_every_text_is_harmless(book):
    for text in (text for row in book.rows for text in strings(row)):
        assert all(char.isprintable() or char in "\n\t" for char in text)
        assert "::" not in text
        assert "##[" not in text


@pytest.mark.parametrize(
    ("state", "outcome"),
    [(State.MISSING, Outcome.MISSING), (State.UNGRADED, Outcome.UNGRADED), (State.GRADED, Outcome.NOT_RUN)],
)
def test_a_test_without_a_result_says_why(state, outcome):
    row = make_row(job(state), [TestSpec("a", 2, NO_TEXT)], NO_TEXT)
    assert (row.cases[0].outcome, row.cases[0].message) == (outcome, EXPLANATIONS[outcome])
    assert row.score.points == 0


def test_times_are_fit_to_print(book):
    assert [case.seconds for case in book.row("alice", "llamascratch").cases] == [0, 0, 0, 0]


def test_rows_are_ordered_however_they_came(book):
    again = Gradebook(tuple(reversed(book.rows)), book.course, book.created, book.versions, book.exercises)
    assert again == book
    assert [row.exercise for row in book.of("alice")] == ["sampling", "llamascratch"]
    assert book.row("dave", "llamascratch") is None
    assert Gradebook(book.rows).exercises == ("llamascratch", "sampling")


def test_two_rows_for_one_job_are_refused(book):
    with pytest.raises(ValueError, match="one row per"):
        Gradebook((book.rows[0], book.rows[0]))


def ends(*statuses):
    return tuple(
        TestResult(f"t{i}", status, float(status is Status.PASSED)) for i, status in enumerate(statuses)
    )


def test_another_device_fills_only_what_was_ungradable():
    cpu = job(tests=ends(Status.FAILED, Status.UNGRADABLE, Status.UNGRADABLE), seconds=1.0)
    cuda = job(tests=ends(Status.PASSED, Status.PASSED, Status.UNGRADABLE), device="cuda", seconds=2.0)
    both = combine([cpu, cuda])
    assert [t.status for t in both.tests] == [Status.FAILED, Status.PASSED, Status.UNGRADABLE]
    assert (both.device, both.seconds) == ("cpu+cuda", 3.0)
    assert combine([cpu]) is cpu


def test_a_graded_result_comes_before_an_ungraded_one():
    graded = job(tests=ends(Status.PASSED), device="cuda")
    assert combine([job(State.UNGRADED), graded]) is graded


def test_walls_and_memory_limits_of_all_rows():
    rows = [
        make_row(job(submission=s, wall=w, memory_limit=m), [], NO_TEXT)
        for s, w, m in [("a", "A", "cgroup"), ("b", "none", "approximate")]
    ]
    assert Gradebook(tuple(rows)).walls == ("A", "none")
    assert Gradebook(tuple(rows)).approximate_memory
    assert not Gradebook((rows[0],)).approximate_memory


def test_every_outcome_and_reason_has_words():
    assert set(Status) <= {str(outcome) for outcome in Outcome}
    for words in (*OUTCOMES.values(), *REASONS.values()):
        assert words.en
        assert words.zh
    assert set(OUTCOMES) == set(Outcome)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (7.0, "7"),
        (7.5, "7.5"),
        (22 / 3, "7.33"),
        (0.0, "0"),
        (-0.0, "0"),
        (100.0, "100"),
        (1e-9, "0"),
        (12345.678, "12345.68"),
    ],
)
def test_numbers_are_short(value, written):
    assert number(value) == written


def test_a_score_in_words():
    assert score_words(Score(80, 90, 5, 10), "en") == "80/90 +5 (10 not gradable here)"
    assert score_words(Score(80, 100), "zh") == "80/100"


def test_a_text_without_chinese_is_said_in_english():
    row = make_row(job(notice=Text("read me", "")), [], NO_TEXT)
    assert say(row.notice, "zh") == "read me"


def test_the_documentation_names_every_outcome_and_reason():
    text = (Path(__file__).parents[2] / "docs" / "results.md").read_text(encoding="utf-8")
    assert [word for word in (*Outcome, *Reason) if f"`{word}`" not in text] == []
