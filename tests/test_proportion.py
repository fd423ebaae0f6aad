"""A slip costs what it is worth: small mistakes in the course's own solutions, and what they fail."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from grader.course import find_course
from grader.job import Job, State, Status
from grader.schedule import plan_slots, run_jobs
from grader.wall.probe import best_tier

COURSE = find_course(Path(__file__))


@dataclass(frozen=True)
class Slip:
    """A text of the reference, what stands there instead, and the required tests that fail."""

    exercise: str
    right: str
    wrong: str
    fails: frozenset[str]


FORM = "test_output_form"
LOGITS = "logits: Tensor = self.lm_head(self.model(input_ids, position_ids, mask, cache))"
SLIPS = {
    "one row only": Slip(
        "llamascratch",
        "return x.view(B, S, -1",
        "return x.view(1, S, -1",
        frozenset({"test_position_ids", "test_attention_mask", "test_degenerate_shapes"}),
    ),
    "an axis too many": Slip(  # which the reference's own `generate` cannot read
        "llamascratch", LOGITS, f"{LOGITS}[None]", frozenset({FORM, "test_generate", "test_engine"})
    ),
    "an axis too few": Slip(
        "llamascratch",
        "return torch.cat((input_ids[:, :0], *tokens), dim=1)",
        "return torch.cat((input_ids[:, :0], *tokens), dim=1)[0]",
        frozenset({FORM}),
    ),
    "a list of keys and values": Slip(
        "llamascratch", "= k, v\n        return k, v", "= k, v\n        return [k, v]", frozenset()
    ),
    "numbers of columns": Slip(
        "batchify",
        "return (attention_mask.cumsum(-1) - 1) * attention_mask",
        "return torch.arange(attention_mask.shape[1]).expand_as(attention_mask)",
        frozenset({"test_position_ids"}),
    ),
    "positions from one": Slip(
        "batchify",
        "return (attention_mask.cumsum(-1) - 1) * attention_mask",
        "return attention_mask.cumsum(-1)",
        frozenset({"test_position_ids"}),
    ),
    "int32 positions": Slip(
        "batchify",
        "return (attention_mask.cumsum(-1) - 1) * attention_mask",
        "return ((attention_mask.cumsum(-1) - 1) * attention_mask).int()",
        frozenset({"test_position_ids", FORM}),
    ),
    "rows as tuples": Slip(  # which the reference's own Engine cannot add to a prompt
        "batchify",
        "            break\n    return new",
        "            break\n    return tuple(map(tuple, new))",
        frozenset({"test_engine"}),
    ),
}


@pytest.fixture(scope="module")
def lost():
    """Return, by slip, the required tests that it fails."""
    exercises = {name: COURSE.exercise(name) for name in ("llamascratch", "batchify")}
    jobs = []
    for name, slip in SLIPS.items():
        exercise = exercises[slip.exercise]
        source = exercise.reference_source()
        assert source.count(slip.right) == 1
        files = exercise.solution_files(source.replace(slip.right, slip.wrong))
        jobs.append(Job(slip.exercise, name, "cpu", files, seed=2, diagnose=False))
    results = run_jobs(jobs, plan_slots(exercises.values(), best_tier().tier, "cpu"), slots=2)
    found = {}
    for result in results:
        assert result.state is State.GRADED, result.fault
        worth = {spec.name: spec.points for spec in exercises[result.exercise].tests if not spec.bonus}
        failed = (t for t in result.tests if t.status is not Status.UNGRADABLE and t.fraction < 1)
        found[result.submission] = {test.name for test in failed if worth.get(test.name)}
    return found


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_fails_no_test_of_other_things(lost, name):
    assert lost[name] == SLIPS[name].fails
