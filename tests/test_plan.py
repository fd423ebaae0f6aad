"""What is run again after an edit, and what is not. Nothing is graded here: the store is filled by hand."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from grader.course import read_course
from grader.errors import ContentError
from grader.job import JobResult, State, Status, TestResult
from grader.plan import Conditions, Planner
from grader.spool import Spool
from grader.store import Store
from grader.submission import list_submissions

BASE = """\
title: {en: Base, zh: 基础}
interface:
  functions: [double]
  optional: [double, halve, twice]
  classes: {halve: [], twice: []}
tests:
  test_double: {points: 60, title: {en: double, zh: 两倍}}
  test_gpu: {points: 40, devices: [cuda], title: {en: gpu, zh: GPU}}
"""
TOP = BASE.replace("interface", "requires: [base]\ninterface", 1)
FILES = {
    "grader.yaml": "title: {en: C, zh: 课}\nexercises: [base, top, other]\n",
    **{
        f"exercises/{name}/{path}": content
        for name, yaml in (("base", BASE), ("top", TOP), ("other", BASE))
        for path, content in {
            "exercise.yaml": yaml,
            "README.md": "# Read me\n",
            "hidden_tests/test_it.py": "def test_double(student): ...\n",
            "reference/solution.py": "def double(x): return 2 * x\n",
            "reference/PSEUDOCODE.md": "### double\n",
            "starter/solution.py": "def double(x): raise NotImplementedError\n",
            "starter/PSEUDOCODE.md": "### double\n",
            "kit/solution.py": "def double(x): return x + x\n",
            "variants/sum.py": "def double(x): return x + x\n",
            "mutants/triple.py": '"""Triple."""\n',
        }.items()
    },
    **{
        f"submissions/{who}/exercises/{name}/solution.py": f"# {who}\ndef double(x): return 2 * x\n"
        for who in ("alice", "bob")
        for name in ("base", "top", "other")
    },
}
TESTS = (TestResult("test_double", Status.PASSED, 1.0), TestResult("test_gpu", Status.UNGRADABLE))
CPU = Conditions("cpu", "A")
POLICY = "policy: {imports: [os]}\ntests:"


@pytest.fixture
def root(tmp_path):
    """A course of which everything is known."""
    for path, content in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content, encoding="utf-8")
    with Store(tmp_path / ".grader" / "results.sqlite") as store:
        for key, job in plan(tmp_path, store=store).jobs.items():
            store.put(key, JobResult(job.exercise, job.submission, "cpu", State.GRADED, TESTS))
    return tmp_path


def plan(root, conditions=CPU, *, fresh=False, store=None, commit=""):
    if store is None:
        with Store(root / ".grader" / "results.sqlite") as opened:
            return plan(root, conditions, fresh=fresh, store=opened, commit=commit)
    course = read_course(root)
    planner = Planner(course.exercises(), conditions)
    submissions = list_submissions(course.submissions_path)
    commits = {submission.name: commit for submission in submissions}
    with Spool(root / ".grader") as spool:
        return planner.plan(submissions, commits, store, spool, fresh=fresh)


def to_do(found):
    return {(job.submission, job.exercise) for job in found.jobs.values()}


EVERYTHING = {(who, name) for who in ("alice", "bob") for name in ("base", "top", "other")}


def everybodys(*names):
    return {(who, name) for who in ("alice", "bob") for name in names}


@pytest.mark.parametrize(
    ("path", "old", "new", "again"),
    [
        ("exercises/base/README.md", "Read", "Reread", set()),
        ("exercises/base/exercise.yaml", "tests:", "tests:  # the table\n", set()),
        ("exercises/base/exercise.yaml", "60", "100", set()),  # and 40 -> 0 below
        ("exercises/base/variants/sum.py", "x + x", "2 * x", set()),
        ("grader.yaml", "en: C", "en: A course", set()),
        ("exercises/base/hidden_tests/test_it.py", "...", "pass", everybodys("base")),
        ("exercises/base/mutants/triple.py", "Triple", "Threefold", everybodys("base")),
        ("exercises/base/starter/solution.py", "(x)", "(y)", everybodys("base")),
        ("exercises/top/hidden_tests/test_it.py", "...", "pass", everybodys("top")),
        ("exercises/base/reference/solution.py", "2 * x", "x * 2", everybodys("base", "top")),
        ("exercises/base/kit/solution.py", "x + x", "2 * x", everybodys("base", "top")),
        (
            "exercises/base/exercise.yaml",
            "tests:",
            "policy: {imports: [os]}\ntests:",
            everybodys("base", "top"),
        ),
        ("exercises/base/exercise.yaml", "tests:", "limits: {cpu: 9}\ntests:", everybodys("base")),
        ("exercises/base/exercise.yaml", "en: double", "en: twofold", everybodys("base")),  # messages name it
        ("submissions/alice/exercises/other/solution.py", "2 * x", "x * 2", {("alice", "other")}),
        ("submissions/alice/exercises/base/solution.py", "2", "3", {("alice", "base"), ("alice", "top")}),
    ],
)
def test_an_edit_is_graded_again_where_it_can_change_a_result(root, path, old, new, again):
    text = (root / path).read_text(encoding="utf-8")
    assert text.count(old) == 1
    text = text.replace(old, new)
    (root / path).write_text(text.replace("40", "0") if new == "100" else text, encoding="utf-8")
    found = plan(root)
    assert to_do(found) == again
    assert found.known == len(EVERYTHING) - len(again)
    assert found.put == ()


@pytest.mark.parametrize(
    "conditions", [Conditions("cuda", "A"), Conditions("cpu", "C"), Conditions("cpu", "A", seed=1)]
)
def test_under_other_conditions_nothing_is_known(root, conditions):
    assert to_do(plan(root, conditions)) == EVERYTHING


def test_fresh_grades_everything_again(root):
    found = plan(root, fresh=True)
    assert (to_do(found), found.known) == (EVERYTHING, 0)


def test_a_submission_that_goes_back_is_known_and_shown_again(root):
    path = root / "submissions" / "alice" / "exercises" / "other" / "solution.py"
    before = path.read_text()
    path.write_text("# worse\n")
    with Store(root / ".grader" / "results.sqlite") as store:
        ((key, job),) = plan(root, store=store).jobs.items()
        worse = JobResult(job.exercise, job.submission, "cpu", State.GRADED)
        store.put(key, worse)
        path.write_text(before)
        found = plan(root, store=store)
        ((_, back),) = found.put
    assert (found.known, to_do(found), back.tests) == (len(EVERYTHING), set(), TESTS)


def test_a_new_commit_of_the_same_files_is_known_and_put_under_its_name(root):
    found = plan(root, commit="c" * 40)
    assert (found.known, to_do(found), len(found.put)) == (len(EVERYTHING), set(), len(EVERYTHING))


def test_what_was_ungraded_is_graded_again_unless_it_had_been_before(root):
    with Store(root / ".grader" / "results.sqlite") as store:
        stored = next(store.latest("alice"))
        store.put("elsewhere", replace(stored.result, state=State.UNGRADED))
        assert plan(root, store=store).known == len(EVERYTHING)
        store.put(stored.key, replace(stored.result, state=State.UNGRADED))
        ((key, result),) = plan(root, store=store).put
    assert (key, result) == (stored.key, stored.result)


def test_what_may_be_gradable_by_now_is_tried_again(root):
    with Store(root / ".grader" / "results.sqlite") as store:
        stored = next(store.latest("alice"))
        busy = (TestResult("test_double", Status.UNGRADABLE), TESTS[1])
        store.put(stored.key, replace(stored.result, tests=busy))
        assert to_do(plan(root, store=store)) == {("alice", stored.result.exercise)}


def test_nothing_handed_in_is_decided_once(root):
    (root / "submissions" / "alice" / "exercises" / "other" / "solution.py").unlink()
    with Store(root / ".grader" / "results.sqlite") as store:
        found = plan(root, store=store)
        ((key, result),) = found.put
        assert (result.state, to_do(found)) == (State.MISSING, set())
        store.put(key, result)
        assert plan(root, store=store).put == ()


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("hidden_tests/test_it.py", "...", "pass"),
        ("exercise.yaml", "tests:", "limits: {cpu: 9}\ntests:"),
    ],
)
def test_an_exercise_that_changes_while_it_is_graded_is_noticed(root, path, old, new):
    planner = Planner(read_course(root).exercises(), CPU)
    planner.require_unchanged("base")
    file = root / "exercises" / "base" / path
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    planner.require_unchanged("other")
    planner.require_unchanged("top")
    with pytest.raises(ContentError, match="base: was changed while it was being graded"):
        planner.require_unchanged("base")


def test_every_process_makes_the_same_key(root):
    code = "import sys; from pathlib import Path; from grader.exercise import read_exercise as r; "
    code += "e = r(Path(sys.argv[1])); print(e.digest(), e.foundation())"
    command = [sys.executable, "-c", code, root / "exercises" / "top"]
    environments = [{**os.environ, "PYTHONHASHSEED": seed} for seed in "1234"]
    said = {subprocess.run(command, env=env, capture_output=True, check=True).stdout for env in environments}
    assert len(said) == 1
