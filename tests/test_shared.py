"""The tests that all exercises share: a loss is charged once, for what it is, and no bonus costs a point."""

from dataclasses import dataclass

import pytest

from grader.exercise import read_exercise
from grader.job import Job, State, Status, score_job
from grader.schedule import plan_slots, run_jobs
from grader.wall.probe import best_tier

VIEWS = "x = x.view(-1).view(x.shape)"  # what only contiguous memory allows
WRONG_BONUS = "def angle(a, b):\n    print('wrong', torch.rand(1))\n    return a.zero_()"


@dataclass(frozen=True)
class Case:
    """What is added to the right solution, the required tests that it fails, and words of their messages."""

    added: str
    fails: dict[str, str]
    without: str = ""  # a heading of the pseudocode that is left out


def normalise(*lines):
    """Return a right `normalise` that begins with these lines; its result is called y."""
    first, last = (*lines, "return y") if len(lines) < 2 else lines
    whole = "y = x / torch.where(dot(x, x) == 0, 1, dot(x, x).sqrt())[:, None]"
    return "\n    ".join(("def normalise(x):", first, whole, last))


OTHERWISE = "normalise answers otherwise "
VALUES = {"test_normalise": "relative error"}
STALE = """_made = []


def normalise(x):
    _made.append(x)
    return x / (1 + len(_made))"""
CASES = {
    "wrong values": Case(normalise("pass", "return 2 * y"), VALUES),
    "always NaN": Case(normalise("pass", "return y * float('nan')"), {**VALUES, "test_normalise": "NaN"}),
    "another answer each time": Case(STALE, VALUES),
    "a tuple for a list": Case("def largest(x, k):\n    return tuple(x.topk(k).indices.tolist())", {}),
    "a shape": Case(
        normalise("pass", "return y[None]"),
        {"test_normalise": "shape", "test_normalise_zero_row": "", "test_output_form": "shape [1, 4, 3]"},
    ),
    "views": Case(
        normalise(VIEWS),
        {"test_noncontiguous_inputs": "RuntimeError on a non-contiguous input (view needs"},
    ),
    "views of wrong values": Case(
        normalise(VIEWS, "return 2 * y"), {**VALUES, "test_noncontiguous_inputs": "(view needs"}
    ),
    "refuses strides": Case(
        normalise("assert x.is_contiguous()"),
        {"test_noncontiguous_inputs": "normalise raises AssertionError on a non-contiguous input"},
    ),
    "reads memory": Case(
        normalise("x = torch.as_strided(x, x.shape, (x.shape[-1], 1))"),
        {"test_noncontiguous_inputs": f"{OTHERWISE}when its input is not contiguous: relative error"},
    ),
    "another answer in inference": Case(
        normalise("pass", "return y if torch.is_grad_enabled() else -y"),
        {"test_inference_mode": f"{OTHERWISE}under torch.inference_mode() than without it: relative error"},
    ),
    "another form in inference": Case(
        normalise("pass", "return y if torch.is_grad_enabled() else y.half()"),
        {"test_inference_mode": f"{OTHERWISE}under torch.inference_mode() than without it: dtype"},
    ),
    "bonus: wrong in every way": Case(WRONG_BONUS, {}),
    "bonus: another signature": Case("def angle(a, b, c=1):\n    return dot(a, b)", {}),
    "bonus: no pseudocode": Case("", {}, without="angle"),
}
LATER = {"test_normalise_zero_row", "test_code_size"}  # requires test_normalise; is not asked here


def without(pseudocode, name):
    """Leave out a heading and its block."""
    head, mark, tail = pseudocode.decode().partition(f"### {name}\n")
    assert mark
    return (head + tail.split("```", 2)[2]).encode()


@pytest.fixture(scope="module")
def results(tmp_path_factory, make_course):
    course = make_course(tmp_path_factory.mktemp("shared") / "course")
    exercise = read_exercise(course.exercise)
    right = course.files("passes")
    jobs = []
    for name, case in CASES.items():
        source = right[exercise.solution_path] + f"\n\n{case.added}\n".encode()
        files = right | {exercise.solution_path: source}
        if case.without:
            files[exercise.pseudocode_path] = without(files[exercise.pseudocode_path], case.without)
        jobs.append(Job(exercise.name, name, "cpu", files, seed=1, diagnose=False))
    found = {
        r.submission: r for r in run_jobs(jobs, plan_slots([exercise], best_tier().tier, "cpu"), slots=2)
    }
    assert set(found) == set(CASES)
    return exercise, found


@pytest.mark.parametrize("name", CASES)
def test_every_loss_is_charged_once_and_for_what_it_is(results, name):
    exercise, found = results
    result, due = found[name], CASES[name].fails
    assert result.state is State.GRADED, result.fault
    bonus = {spec.name for spec in exercise.tests if spec.bonus}
    lost = {
        t.name: t.message.en for t in result.tests if t.status is not Status.UNGRADABLE and t.fraction < 1
    }
    assert set(lost) - bonus - LATER == set(due) - LATER
    assert [test for test, words in due.items() if words not in lost[test]] == []


def test_a_bonus_that_is_wrong_in_every_way_earns_nothing(results):
    exercise, found = results
    assert score_job(exercise.tests, found["bonus: wrong in every way"]).bonus == 0
