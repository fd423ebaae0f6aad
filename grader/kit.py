"""The second grading: what a submission lost is tried again on the published kits of earlier exercises.

One early mistake must not cost a whole term. A kit is a complete solution that students are given when
the next exercise opens (`exercises/NAME/kit/`). A test that passes only on it counts `KIT_SHARE` of its
points, and the student is told that the mistake lies upstream. What the source alone decides (rules,
size, pseudocode, signatures) cannot change and is not tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from grader.exercise import SHARED_TESTS, Exercise
from grader.job import NO_TEXT, Status, TestResult, Text

OF_SOURCE = frozenset({"test_import_policy", "test_pseudocode", "test_signatures", "test_code_size"})
NOT_HERE = Text(
    "This passes on the published kit: the mistake is in your code of {}, not in this exercise.",
    "换用公布的参考包后可以通过：错误在你的 {} 代码中，而不在本练习。",
)
MISSING = Text(
    "This exercise builds on {}, which your repository does not have as a plain file.",
    "本练习以 {} 为基础，但你的仓库中没有该文件（或它不是可评测的普通文件）。",
)
BROKEN = Text(
    "On the published kit of the earlier exercises your solution does load: the mistake above is in {}.",
    "换用公布的参考包后你的代码可以加载：上述错误在 {} 中。",
)
UNMEASURABLE = Text(
    "It could not be tried on the published kit, where it does not load; import only public names of {}.",
    "你的代码在公布的参考包上无法加载，因此未能在其上评测；请只导入 {} 中公开的名字。",
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one grading of a submission came to. `notice` says why it does not run, where it does not."""

    tests: tuple[TestResult, ...]
    notice: Text


def lost_tests(exercise: Exercise, files: Mapping[str, bytes], own: Iterable[TestResult]) -> tuple[str, ...]:
    """Name the tests that may come out better on the kits; none where the submission is on them already."""
    if exercise.on_kits(files) == dict(files):
        return ()
    settled = (Status.PASSED, Status.FAILED)
    return tuple(
        t.name
        for t in own
        if t.fraction < 1
        and t.status is not Status.UNGRADABLE
        and not (t.name in OF_SOURCE and t.status in settled)
    )


def merge(exercise: Exercise, files: Mapping[str, bytes], own: Outcome, again: Outcome | None) -> Outcome:
    """Put the second grading's shares and hints beside the first's; None where there was no second one."""
    absent = [a.solution_path for a in exercise.ancestors if a.solution_path not in files]
    notices = [own.notice, _name(MISSING, absent) if own.notice and absent else NO_TEXT]
    tests = own.tests
    if again is not None and again.notice:
        notices.append(NO_TEXT if own.notice else _name(UNMEASURABLE, _upstream(exercise)))
    elif again is not None:
        # Shared tests count once the exercise is begun, here as in the first grading.
        shares = {test.name: test for test in again.tests}
        tests = tuple(_beside(t, shares.get(t.name), exercise) for t in own.tests)
        if not exercise.is_begun(tests):
            tests = tuple(b if b.name in SHARED_TESTS else t for b, t in zip(own.tests, tests, strict=True))
        notices.append(_name(BROKEN, _upstream(exercise)) if own.notice else NO_TEXT)
    said = [notice for notice in notices if notice]
    return Outcome(tests, Text("\n".join(n.en for n in said), "\n".join(n.zh for n in said)))


def _beside(own: TestResult, again: TestResult | None, exercise: Exercise) -> TestResult:
    if again is None or own.fraction >= 1:
        return own
    passed = again.status is Status.PASSED
    hint = _name(NOT_HERE, _upstream(exercise)) if passed else again.hint or own.hint
    return replace(own, kit=again.fraction, hint=hint)


def _upstream(exercise: Exercise) -> list[str]:
    return [ancestor.name for ancestor in exercise.ancestors]


def _name(text: Text, names: Iterable[str]) -> Text:
    names = tuple(names)
    return Text(text.en.format(", ".join(names)), text.zh.format("、".join(names)))
