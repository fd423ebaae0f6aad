"""Decide what needs no worker: nothing handed in, or files that are refused as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from grader.exercise import Exercise
from grader.job import JobResult, State, Status, TestResult, Text

if TYPE_CHECKING:
    from grader.submission import Hazard

REFUSED = Text("not graded: {}", "未评分：{}")


def without_running(
    name: str, exercise: Exercise, files: Mapping[str, bytes], hazards: Sequence[Hazard], device: str
) -> JobResult | None:
    """Return the result of a submission that nothing of can be run; None where it has to be graded.

    An earlier exercise that is refused counts as missing: there are kits.
    """
    own = f"exercises/{exercise.name}"
    fatal = [hazard for hazard in hazards if hazard.fatal and f"{hazard.path}/".startswith(f"{own}/")]
    if fatal:
        notice = Text("\n".join(h.en for h in fatal), "\n".join(h.zh for h in fatal))
        why = Text(REFUSED.en.format(fatal[0].en), REFUSED.zh.format(fatal[0].zh))
        tests = tuple(TestResult(spec.name, Status.VIOLATION, message=why) for spec in exercise.tests)
        return JobResult(exercise.name, name, device, State.GRADED, tests, notice=notice)
    if exercise.solution_path not in files:
        return JobResult(exercise.name, name, device, State.MISSING)
    return None
