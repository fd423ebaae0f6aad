"""Names that somebody may give a submission's folder: shown harmless, or refused in one line."""

import csv
import io
import json

import pytest

from .inert import check_reports, check_text

ODD = (
    "=1+1", "+1", "@SUM(1+1)", "a;=1+1", "@team", "$(id)", "`id`", "%0A", "&lt;b&amp;",
    "{{ x }}", "![x](y)", "[red]x", "~~x~~", "__x__", "学生 一", "résumé", "'--", "x" * 100, "a,b", "#1",
)  # fmt: skip
REFUSED = (
    "-e", " x", "x ", "x.", "con", "AUX.txt", "x" * 101, "a\nb", "\x1b[2J", "\u202egnp", "a\u200bb", "a\\b",
    'a"b', "a|b", "a<b", "::error::x", "\udcff", "e\u0301", "\u2028",
    "##[error]x", "q" + "\u0316" * 20, "\u3164", "\u2800x",
)  # fmt: skip


def test_odd_names_are_shown_as_they_are_and_harm_nobody(course):
    for name in ODD:
        (course.root / "submissions" / name).mkdir()
    done = course.grader("run", "--device", "cpu", "--lang", "zh")
    assert (done.returncode, done.stderr) == (0, "")
    check_text(done.stdout)
    check_reports(course.root / "reports", len(ODD))
    scores = json.loads((course.root / "reports" / "scores.json").read_text())
    assert len({s["name"] for s in scores["submissions"]}) == len(ODD)
    table = io.StringIO((course.root / "reports" / "scores.csv").read_text(encoding="utf-8-sig"), newline="")
    cells = {row["submission"] for row in csv.DictReader(table)}
    assert {"'=1+1", "'@SUM(1+1)", "a;'=1+1", "$(id)", "学生 一"} <= cells
    check_text(course.grader("list").stdout)
    unknown = course.grader("run", "nobody")
    assert unknown.returncode == 2
    check_text(unknown.stderr)


@pytest.mark.parametrize("names", [REFUSED, ("Ada", "ada"), ("\u00e9", "e\u0301"), ("ﬁ", "fi")])
def test_names_that_cannot_be_used_are_refused_together_in_one_line(course, names):
    for name in names:
        (course.root / "submissions" / name).mkdir()
    (course.root / "submissions" / "fine").mkdir()
    done = course.grader("run", "--device", "cpu")
    assert done.returncode == 2
    assert done.stderr.startswith(f"grader: rename these folders in {course.root / 'submissions'}: ")
    assert done.stderr.count("\n") == 1
    check_text(done.stderr)
    assert "fine" not in done.stderr
    assert not (course.root / "reports").exists()
