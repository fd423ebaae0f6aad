"""What the README's first command ends with: the shipped examples, graded for real."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RESTARTS = "With a cache, positions go on where it ends"
ONE_TOO_MANY = "Your top-p keeps one token too many"
PADDING_COUNTED = "In the prefill your positions leave padding out, in later steps they count it"
OLD_POSITIONS = "PreRopeCache rotates keys to 0, 1, 2, ..."
EXERCISES = ("llamascratch", "batchify", "sampling", "rope", "staticcache")


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    course = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / "grader.yaml", course)
    for folder in ("exercises", "submissions"):
        shutil.copytree(ROOT / folder, course / folder)
    command = [sys.executable, "-m", "grader", "run", "--course", str(course)]
    subprocess.run(command, check=True, capture_output=True)
    report = json.loads((course / "reports" / "scores.json").read_text(encoding="utf-8"))
    return {submission["name"]: submission for submission in report["submissions"]}


def outcomes(submission, exercise):
    job = next(job for job in submission["jobs"] if job["exercise"] == exercise)
    return {test["name"]: test for test in job["tests"]}


def lost(submission, exercise):
    required = (t for t in outcomes(submission, exercise).values() if not t["bonus"] and t["worth"])
    return {test["name"] for test in required if test["score"]["points"] < test["worth"]}


def test_the_perfect_one_has_every_point_and_the_bonus(scores):
    total = scores["example-perfect"]["total"]
    assert (total["points"], total["maximum"], total["bonus"]) == (500, 500, 61)


@pytest.mark.parametrize("name", ["example-starter", "example-hostile"])
def test_who_wrote_nothing_or_only_attacks_gets_nothing(scores, name):
    total = scores[name]["total"]
    assert (total["points"], total["maximum"], total["bonus"]) == (0, 500, 0)


def test_the_typical_one_loses_what_its_mistakes_deserve(scores):
    typical = scores["example-typical"]
    assert lost(typical, "llamascratch") == {
        "test_cache_chunks",
        "test_cache_isolated",
        "test_generate",
        "test_engine",
        "test_degenerate_shapes",
    }
    beams = {name for name in outcomes(typical, "sampling") if "beam" in name and "public" not in name}
    required = {name for name in beams if not outcomes(typical, "sampling")[name]["bonus"]}
    assert lost(typical, "sampling") == {"test_top_p_boundary", "test_pseudocode", *required}


def test_the_typical_one_is_told_its_mistakes(scores):
    llama, sampling = (outcomes(scores["example-typical"], name) for name in ("llamascratch", "sampling"))
    for name in ("test_cache_chunks", "test_generate", "test_engine"):
        assert llama[name]["hint"]["en"].startswith(RESTARTS)
    assert sampling["test_top_p_boundary"]["hint"]["en"].startswith(ONE_TOO_MANY)
    batch, rope = (outcomes(scores["example-typical"], name) for name in ("batchify", "rope"))
    assert batch["test_unequal_lengths"]["hint"]["en"].startswith(PADDING_COUNTED)
    assert rope["test_cache_contract"]["hint"]["en"].startswith(OLD_POSITIONS)
    told = [t["name"] for t in sampling.values() if "object has no attribute 'score'" in t["message"]["en"]]
    assert told  # where it is seen first
    assert "for the same reason" in sampling["test_beam_eos"]["message"]["en"]


def test_the_typical_one_has_not_begun_the_last_exercise(scores):
    jobs = {job["exercise"]: job for job in scores["example-typical"]["jobs"]}
    assert {name for name, job in jobs.items() if job["state"] == "missing"} == {"staticcache"}
    assert jobs["batchify"]["own"] == jobs["batchify"]["kit"]  # what is wrong there is not upstream


def test_the_hostile_one_is_refused_by_policy_and_stopped_by_its_limits(scores):
    hostile = scores["example-hostile"]
    assert {test["outcome"] for test in outcomes(hostile, "sampling").values()} == {"violation"}
    stopped = outcomes(hostile, "llamascratch")
    assert stopped["test_inv_freq_default"]["reason"] == "output"
    assert stopped["test_mlp_values"]["reason"] == "wall"


@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_starter_example_is_the_starter(exercise):
    for name in ("solution.py", "PSEUDOCODE.md"):
        example = ROOT / "submissions" / "example-starter" / "exercises" / exercise / name
        assert example.read_bytes() == (ROOT / "exercises" / exercise / "starter" / name).read_bytes()
