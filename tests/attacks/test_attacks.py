"""Every attack of the corpus ends exactly as its folder says, and harms nobody else. See README.md."""

import os

import pytest
import torch

from tests.inert import check_reports, check_text
from tests.outcomes import check_outcome, told

from .corpus import SECRET, read_corpus

CORPUS = read_corpus()
EXPECTED = {"others": "passed", "tests": {}, "shows": [], "hides": []}
NOT_RUN = pytest.mark.skipif(not torch.cuda.is_available(), reason="not run: needs a CUDA device")
# What a run writes into a course.
WRITTEN = (".grader", "reports")


@pytest.fixture
def run(corpus_run):
    """The run over all attacks for which nothing but a CPU is needed."""
    return corpus_run("cpu")


def marks_of(attack):
    machine = attack.expected.get("machine", os.uname().machine)
    other = pytest.mark.skipif(machine != os.uname().machine, reason=f"not run: needs {machine}")
    return [other, NOT_RUN] if attack.device == "cuda" else [other]


@pytest.mark.parametrize("attack", [pytest.param(a, id=a.name, marks=marks_of(a)) for a in CORPUS])
def test_attack(corpus_run, attack):
    run = corpus_run(attack.device)
    score = run.job_of_honest(attack.exercise)["score"]
    full = {"points": score["points"], "bonus": score["bonus"]}
    job = run.job(attack.name, attack.exercise)
    check_outcome(job, told(run.watched.course, attack.name, job), {**EXPECTED, **full, **attack.expected})


def test_the_run_ends_well(run):
    assert run.watched.done.returncode == 0, run.watched.done.stderr
    assert run.watched.done.stderr == ""


def test_the_honest_lose_nothing(run):
    for name, exercise in run.honest:
        job = run.job(name, exercise)
        score = job["score"]
        assert (name, score["points"]) == (name, score["maximum"]), job
        assert score["maximum"] + score["ungradable"] == 100
        assert {t["name"] for t in job["tests"] if t["outcome"] not in ("passed", "ungradable")} == set()


def test_nothing_is_left_alive(run):
    assert run.watched.survivors == ""


def test_no_scratch_is_left(run):
    assert run.watched.left_in_tmp == []
    assert run.stage.found() == []


def test_nothing_outside_has_changed(run):
    """Neither a home, nor a folder open to all, nor the course, nor anybody's submission."""
    after = {name: what for name, what in run.after.items() if not name.startswith(WRITTEN)}
    assert {n for n in run.before.keys() | after.keys() if run.before.get(n) != after.get(n)} == set()


def test_nobody_was_called(run):
    assert run.stage.ears.heard == []


def test_no_secret_was_found(run):
    course = run.watched.course.root
    written = [p.read_bytes() for p in course.glob("reports/**/*") if p.is_file()]
    written += [p.read_bytes() for p in course.glob(".grader/*") if p.is_file()]
    written += [run.watched.done.stdout.encode(), run.watched.done.stderr.encode()]
    assert len(written) > len(run.honest)
    assert [text for text in written if SECRET.encode() in text] == []


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_whoever_reads_a_report_reads_text(run, lang):
    """In a terminal, a log, a browser, a spreadsheet: nothing that a student wrote is obeyed."""
    course = run.watched.course
    names = sorted(path.name for path in (course.root / "submissions").iterdir())
    done = course.grader("report", *names, "--lang", lang)
    assert done.returncode == 0, done.stderr
    assert [name for name in names if name not in done.stdout] == []
    for text in (run.watched.done.stdout, done.stdout, done.stderr):
        check_text(text)
    check_reports(course.root / "reports", len(names))
