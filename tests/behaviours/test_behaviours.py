"""Submissions of every kind, one folder per behaviour, graded by one run of the real command line.

A bug report becomes a new folder: `solution.py` (or `added.py`, put after the right solution) and
`expected.json` (its fields: `outcomes.check_outcome`).
"""

import csv
import json
import math
from pathlib import Path

import pytest
from junitparser import JUnitXml

from grader.store import Store
from tests.outcomes import check_outcome, told

SUBMISSIONS = Path(__file__).parent / "submissions"
NAMES = sorted(path.name for path in SUBMISSIONS.iterdir() if path.is_dir())


@pytest.mark.parametrize("name", NAMES)
def test_behaviour(behaviours_run, name):
    expected = json.loads((SUBMISSIONS / name / "expected.json").read_text())
    job = behaviours_run.scores[name]
    check_outcome(job, told(behaviours_run.course, name, job), expected)


def test_the_run_ends_well(behaviours_run):
    assert behaviours_run.done.returncode == 0, behaviours_run.done.stderr
    assert set(behaviours_run.scores) == set(NAMES)


def test_nothing_of_any_job_is_alive(behaviours_run):
    assert behaviours_run.survivors == ""


def test_no_scratch_folder_is_left(behaviours_run):
    assert behaviours_run.left_in_tmp == []


def test_a_gpu_test_leaves_the_maximum(behaviours_run):
    score = behaviours_run.scores["passes"]["score"]
    assert score == {"points": 95.0, "maximum": 95.0, "bonus": 5.0, "ungradable": 5.0}


@pytest.mark.parametrize("command", ["run", "report"])
def test_what_is_known_gives_the_same_scores(behaviours_run, command):
    device = ["--device", "cpu"] if command == "run" else []
    done = behaviours_run.course.grader(command, *device)
    assert done.returncode == 0
    if command == "run":
        assert "0 jobs to grade" in done.stdout
    assert behaviours_run.course.scores() == behaviours_run.scores


def test_totals_agree_in_all_formats(behaviours_run):
    reports = behaviours_run.course.root / "reports"
    table = csv.DictReader((reports / "scores.csv").read_text(encoding="utf-8-sig").splitlines())
    by_name = {row["submission"]: row for row in table}
    assert set(by_name) == set(behaviours_run.scores)
    for name, job in behaviours_run.scores.items():
        score = job["score"]
        assert math.isclose(score["points"], sum(t["score"]["points"] for t in job["tests"]), abs_tol=1e-6)
        assert float(by_name[name]["total points"]) == score["points"]
        assert float(by_name[name]["total max"]) == score["maximum"]
        (suite,) = JUnitXml.fromfile(str(reports / "junit" / f"{name}.xml"))
        stated = {p.name: p.value for p in suite.properties()}
        assert float(stated["points"]) == score["points"]
        assert float(stated["bonus_points"]) == score["bonus"]


def test_reports_hold_nothing_hidden(behaviours_run):
    course = behaviours_run.course
    written = [
        path.read_text(errors="replace") for path in course.root.glob("reports/**/*") if path.is_file()
    ]
    everything = "\n".join([*written, behaviours_run.done.stdout, behaviours_run.done.stderr])
    assert len(written) == len(NAMES) + 4  # scores.json, scores.csv, summary.md, and what they were made of
    with Store(course.root / ".grader" / "results.sqlite") as store:
        seeds = {str(stored.result.seed) for stored in store.latest() if stored.result.seed}
    sources = [path.read_text() for path in course.hidden_tests.parent.glob("*.py")]
    lines = [line.strip() for source in sources for line in source.splitlines()]
    code = [line for line in lines if len(line) > 20 and not line.startswith('"""')]
    assert len(code) > 30
    assert seeds
    assert [secret for secret in (*code, *seeds, "271828") if secret in everything] == []
