"""Show which known mistakes are named where other people's solutions make them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grader.feedback import DUE, Feedback, Outcome, Trial
from grader.job import Text

_LISTED = (Outcome.UNGRADED, Outcome.WRONG, Outcome.UNNAMED, Outcome.HEDGED, Outcome.NOT_EXPRESSIBLE)


def feedback_text(found: Sequence[Feedback]) -> str:
    """Return the whole report as plain text: a table, then each mistake that is not simply named."""
    return "\n".join([*_table(found), "", *(line for feedback in found for line in _list(feedback))])


def _table(found: Sequence[Feedback]) -> Iterator[str]:
    columns = (Outcome.RIGHT, Outcome.HEDGED, Outcome.UNNAMED, Outcome.WRONG, Outcome.NOT_EXPRESSIBLE)
    yield f"{'mistakes in variants':24} {'tried':>6} " + " ".join(f"{c:>15}" for c in columns) + "   named"
    for feedback in found:
        counts = " ".join(f"{feedback.count(c):15}" for c in columns)
        share = f"{feedback.share:.1%} (at least {DUE:.0%})"
        what = f"{feedback.exercise.name}, {feedback.kind}"
        yield f"{what:24} {len(feedback.trials):6} {counts}   {share}"


def _list(feedback: Feedback) -> Iterator[str]:
    names = {mutant.hint: mutant.name for mutant in reversed(feedback.exercise.mutants())}
    for outcome in _LISTED:
        for trial in feedback.trials:
            if trial.outcome is outcome:
                yield f"{feedback.exercise.name} {outcome}: {trial.graft.label}{_told(trial, names)}"


def _told(trial: Trial, names: dict[Text, str]) -> str:
    """Say what was shown where, by the names of the mutants."""
    if trial.fault:
        return f": {trial.fault}"
    said = [
        f"{test} says {'' if certain else 'perhaps '}{' or '.join(names[hint] for hint in hints)}"
        for test, hints, certain in trial.shown
    ]
    return f": {'; '.join(said)}" if said else ""
