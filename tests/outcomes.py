"""How a job ended, compared with the `expected.json` of a behaviour or an attack."""

import json

ONLY_ON_A_GPU = "test_on_gpu"


def check_outcome(job, said, expected):
    """Compare a job of scores.json, and all that is said of it, with what is expected.

    `expected`: `points` (or a list of what is possible), `bonus`, how each test ended (`tests`, and `others`
    for those not named), and what the reports must and must not say (`shows`, `hides`).
    """
    outcomes = {test["name"]: _ended(test) for test in job["tests"]}
    due = {test: expected["tests"].get(test, expected["others"]) for test in outcomes}
    if job["state"] == "graded" and outcomes.get(ONLY_ON_A_GPU) == "ungradable":
        due[ONLY_ON_A_GPU] = "ungradable"
    assert {t: o for t, o in outcomes.items() if not _as_expected(o, due[t])} == {}
    assert set(expected["tests"]) <= set(outcomes)
    points = expected["points"] if isinstance(expected["points"], list) else [expected["points"]]
    assert round(job["score"]["points"], 2) in points
    assert job["score"]["bonus"] == expected["bonus"]
    assert [text for text in expected["shows"] if text not in said] == []
    assert [text for text in expected["hides"] if text in said] == []


def _ended(test):
    return f"{test['outcome']} ({test['reason']})" if test["reason"] else test["outcome"]


def _as_expected(outcome, expected):
    """Compare two outcomes; `killed` alone leaves open by which limit, where two of them race.

    So does `by chance` whether an answer that is the same or not, as it comes, passes.
    """
    chance = expected == "by chance" and outcome in ("passed", "failed")
    return outcome == expected or (expected == "killed" and outcome.startswith("killed (")) or chance


def told(course, name, job):
    """Return all that the reports say of one submission's job."""
    junit = (course.root / "reports" / "junit" / f"{name}.xml").read_text()
    return "\n".join([*_strings(job), json.dumps(job, ensure_ascii=False), junit])


def _strings(value):
    """Yield every string in a JSON document, unescaped."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)
