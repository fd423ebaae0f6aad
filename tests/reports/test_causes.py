"""What several tests were lost to is told once, in every format and both languages."""

import pytest

from grader.job import JobResult, Place, State, Status, TestResult, TestSpec, Text
from grader.publish.annotations import marks_on
from grader.reports.classroom import classroom
from grader.reports.gradescope import gradescope
from grader.reports.junit import junit
from grader.reports.markdown import student_page, submission_detail
from grader.reports.scores_json import scores_json
from grader.reports.view import Gradebook, make_row

FILE = "exercises/vectors/solution.py"
SPECS = tuple(TestSpec(f"test_{n}", 1.0, Text(f"V{n} · it", f"V{n} · 它")) for n in range(1, 7))
MANY = 5  # of the tests have one cause


def raised(name, said, line=7, kit=None):
    en, zh = (
        f"{head} NameError: {said} ({FILE}:{line}, in dot)" for head in ("your code raised", "你的代码抛出了")
    )
    return TestResult(
        f"test_{name}",
        Status.ERROR,
        message=Text(en, zh),
        place=Place(FILE, line),
        hint=Text("look", "看"),
        kit=kit,
    )


@pytest.fixture
def book():
    ends = [raised(n, f"name 'x{n}' is not defined", kit=1.0 if n == 3 else None) for n in range(1, MANY + 1)]
    result = JobResult(
        "vectors", "ann", "cpu", State.GRADED, (*ends, raised(6, "name 'y'", 9)), files=((FILE, 20),)
    )
    return Gradebook((make_row(result, SPECS, Text("Vectors", "向量")),), Text("Course", "课程"))


def test_the_first_says_it_and_the_others_refer_to_it(book):
    first, *others, last = book.of("ann")[0].cases
    assert first.message.en == f"your code raised NameError: name 'x1' is not defined ({FILE}:7, in dot)"
    for case in others:
        assert case.message.en.splitlines()[0] == "for the same reason as V1 · it"
        assert case.message.zh.splitlines()[0] == "原因与“V1 · 它”相同"
        assert not case.hint
    assert "name 'y'" in last.message.en  # another line is another cause


def test_what_counts_on_the_kit_is_said_of_each(book):
    third = book.of("ann")[0].cases[2]
    assert (
        third.message.en.splitlines()[1]
        == "on the published kit of the earlier exercises: 100 %; counted: 80 %"
    )


@pytest.mark.parametrize(
    ("lang", "head", "same"),
    [
        ("en", "your code raised NameError", "for the same reason as V1"),
        ("zh", "你的代码抛出了 NameError", "原因与“V1"),
    ],
)
@pytest.mark.parametrize(
    "write",
    [
        lambda book, lang: submission_detail(book, "ann", lang),
        lambda book, lang: student_page(book, "ann", lang, 100_000),
        lambda book, lang: junit(book, "ann", lang).decode(),
        lambda book, lang: gradescope(book, "ann", lang).decode(),
        lambda book, lang: classroom(book, "ann", lang).decode(),
        lambda book, lang: scores_json(book).decode(),
    ],
    ids=["markdown", "page", "junit", "gradescope", "classroom", "json"],
)
def test_every_format_tells_it_once(book, write, lang, head, same):
    text = write(book, lang)
    assert text.count(same) >= MANY - 1
    assert text.count("name 'x") in (1, 2)  # JUnit says it as attribute and as text, JSON in both languages
    assert head in text


def test_a_line_is_marked_once(book):
    one, other = marks_on(book.of("ann"), "en")
    assert (one.line, other.line) == (7, 9)
    assert one.message.count("\n") <= 1
    assert "V2" not in one.message


@pytest.mark.parametrize("status", [Status.SKIPPED, Status.PASSED, Status.KILLED])
def test_only_losses_with_a_cause_refer_to_another(status):
    ends = tuple(TestResult(spec.name, status, message=Text("the same", "一样")) for spec in SPECS)
    row = make_row(JobResult("vectors", "ann", "cpu", State.GRADED, ends), SPECS, Text("Vectors", "向量"))
    assert {case.message.en for case in row.cases} == {"the same"}
