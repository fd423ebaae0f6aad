"""Grading on a real checkpoint: what is recognised before anything is loaded, and a whole run on one."""

import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from grader.checkpoint import Checkpoint, read_checkpoint
from grader.errors import UsageError
from grader.exercise import read_exercise
from grader.job import Limits
from grader.slot import load_module
from grader.wall.memory import available

ROOT = Path(__file__).parent.parent
LLAMA = ROOT / "exercises" / "llamascratch"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 2200119864\n"
SHARD = "model-0000{}-of-00010.safetensors"


@pytest.fixture(scope="session")
def original(tmp_path_factory):
    """A small Llama as transformers writes it, cut into shards, with the config keys of published ones."""
    import torch

    fixtures = load_module(LLAMA / "hidden_tests" / "llama_fixtures.py", "llama_fixtures")
    folder = tmp_path_factory.mktemp("models") / "TinyLlama"
    folder.mkdir()
    model = fixtures.make_model("gqa", 5, torch.float32)
    files = fixtures.checkpoint(model, shard="60KB", eos=2, tokenizer=True, old_config=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def folder(original, tmp_path):
    """A copy that a test may damage."""
    return Path(shutil.copytree(original, tmp_path / "TinyLlama"))


def edit_json(path, **changes):
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def write_shard(path, shape, dtype="F32", size=None):
    """Write a safetensors file of one tensor, as long as its header says (or `size`), but sparse."""
    count = {"F32": 4, "I8": 1}[dtype] * shape[0] * shape[1]
    header = json.dumps({"w": {"dtype": dtype, "shape": shape, "data_offsets": [0, count]}}).encode()
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(header)) + header)
        stream.truncate(size or 8 + len(header) + count)


def refusal(folder):
    """Return the one line with which a checkpoint is refused."""
    with pytest.raises(UsageError) as caught:
        read_checkpoint(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_sharded_checkpoint_is_measured_by_its_headers(folder):
    (folder / "notes.txt").write_text("not for students")
    found = read_checkpoint(folder)
    shards = sorted(path.name for path in folder.glob("*.safetensors"))
    assert len(shards) > 5
    assert found.parameters == 2 * (4 * 64 * 64 - 2 * 48 * 64 + 3 * 64 * 176 + 2 * 64) + 64 + 2 * 259 * 64
    assert found.size == sum((folder / name).stat().st_size for name in shards)
    assert {f.name for f in found.files} == {p.name for p in folder.iterdir()} - {"notes.txt"}
    assert found.label == f"TinyLlama ({found.digest[:8]})"


def test_the_digest_is_that_of_the_content(folder, original):
    before = read_checkpoint(folder).digest
    assert before == read_checkpoint(original).digest
    edit_json(folder / "config.json", rms_norm_eps=1e-4)
    assert read_checkpoint(folder).digest != before


def test_git_lfs_pointers_are_named(folder):
    for i in (1, 2, 3, 4, 5):
        (folder / SHARD.format(i)).write_text(POINTER)
    line = refusal(folder)
    assert (
        f"Git LFS pointers instead of {SHARD.format(1)}, {SHARD.format(2)}, {SHARD.format(3)} and 2 more"
        in line
    )
    assert "`git lfs pull`" in line


def test_a_tokenizer_can_be_a_pointer_too(folder):
    (folder / "tokenizer.json").write_text(POINTER)
    assert "pointers instead of tokenizer.json" in refusal(folder)


def test_a_missing_shard_is_named(folder):
    (folder / SHARD.format(3)).unlink()
    assert f"holds no {SHARD.format(3)}, which model.safetensors.index.json names" in refusal(folder)


def test_an_unfinished_download_is_named(folder):
    shard = folder / SHARD.format(2)
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    assert f"{shard} is incomplete: {len(whole) // 2} of {len(whole)} bytes" in refusal(folder)
    shard.write_bytes(b"<html>not found</html>")
    assert f"{shard}: damaged or no safetensors file" in refusal(folder)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"model_type": "mistral", "architectures": ["MistralForCausalLM"]}, "unknown architecture mistral"),
        ({"architectures": ["LlamaForSequenceClassification"]}, "known: LlamaForCausalLM"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "this Llama has rope_type linear"),
        ({"attention_bias": True, "hidden_act": "gelu"}, "attention_bias, hidden_act gelu"),
        ({"quantization_config": {"bits": 4}}, "quantization_config"),
    ],
)
def test_other_models_are_refused(folder, changes, line):
    edit_json(folder / "config.json", **changes)
    assert line in refusal(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_files_that_are_needed(folder, name):
    (folder / name).unlink()
    assert f"holds no {name}" in refusal(folder)


def test_weights_in_another_form_are_not_found(folder):
    for path in folder.glob("model*"):
        path.unlink()
    (folder / "pytorch_model.bin").write_bytes(b"")
    assert "holds no model.safetensors" in refusal(folder)


def test_weights_that_no_index_names_would_be_read_by_students(folder):
    write_shard(folder / "consolidated.safetensors", (2, 2))
    assert "holds consolidated.safetensors besides the weights" in refusal(folder)


def test_weights_in_integers_are_refused(folder):
    write_shard(folder / SHARD.format(2), (8, 8), dtype="I8")
    assert "weights of type I8" in refusal(folder)


def test_weights_that_only_root_may_read_are_refused(folder):
    (folder / SHARD.format(2)).chmod(0o600)
    if (folder / SHARD.format(2)).stat().st_uid:
        pytest.skip("who runs the tests runs the students' code, too")
    assert "chmod o+r" in refusal(folder)


def test_what_is_too_large_is_refused_before_it_is_read(folder):
    write_shard(folder / SHARD.format(2), (1 << 20, 1 << 19))
    assert (folder / SHARD.format(2)).stat().st_blocks < 100  # 2 TiB that nobody could have read
    with pytest.raises(
        UsageError, match=r"2048\.0 GiB of weights are too large for this machine: .* are available"
    ):
        read_checkpoint(folder).slots(Limits(), available())


def test_as_many_slots_as_fit():
    checkpoint = Checkpoint(Path("TinyLlama"), (), 10**9, 2 * 10**9, "0" * 64)
    assert checkpoint.memory == 8 * 10**9
    assert checkpoint.slots(Limits(memory=1000), 8 * 10**9 + (1000 << 20)) == 1
    assert checkpoint.slots(Limits(memory=1000), 40 * 10**9) == 4
    assert checkpoint.slots(Limits(memory=1000), None) is None


def test_limits_grow_with_the_checkpoint():
    limits = Limits()
    raised = Checkpoint(Path("TinyLlama"), (), 10**9, 2 * 10**9, "0" * 64).raise_limits(limits)
    assert raised.memory == limits.memory + 7630
    assert (raised.cpu, raised.wall, raised.call) == (limits.cpu + 400, limits.wall + 400, limits.call + 60)


TABLE = """tests:
  test_cache_contract: {points: 100, title: {en: C1, zh: C1}}
  test_cache_chunks: {points: 0, title: {en: C2, zh: C2}}
  test_cache_isolated: {points: 0, title: {en: C3, zh: C3}}
  test_real_logits: {points: 0, needs: [model], title: {en: R1, zh: R1}}
  test_real_engine: {points: 0, needs: [model], title: {en: R2, zh: R2}}
"""
KEPT = {"llama_fixtures.py", "real_fixtures.py", "test_cache.py", "test_real.py"}


@pytest.fixture(scope="module")
def llamas(tmp_path_factory):
    """A course of the one exercise, most tests left out: a right submission and one with a literal theta."""
    root = tmp_path_factory.mktemp("course")
    (root / "grader.yaml").write_text("title: {en: One, zh: 一}\nexercises: [llamascratch]\n")
    folder = Path(shutil.copytree(LLAMA, root / "exercises" / "llamascratch"))
    exercise = read_exercise(folder)
    mutant = next(m for m in exercise.mutants() if m.name == "m04_theta_literal")
    right = exercise.solution_files(exercise.reference_source())
    for name, files in (("right", right), ("wrong", exercise.mutant_files(mutant))):
        for path, content in files.items():
            target = root / "submissions" / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    manifest = (folder / "exercise.yaml").read_text(encoding="utf-8")
    (folder / "exercise.yaml").write_text(manifest.partition("tests:\n")[0] + TABLE, encoding="utf-8")
    for path in [*(folder / "public_tests").iterdir(), *(folder / "hidden_tests").iterdir()]:
        if path.is_file() and path.name not in KEPT:
            path.unlink()
    return root


def run(course, *arguments):
    command = [sys.executable, "-m", "grader", "run", "--course", str(course), "--device", "cpu", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def graded(course):
    report = json.loads((course / "reports" / "scores.json").read_text(encoding="utf-8"))
    return {submission["name"]: submission["jobs"][0] for submission in report["submissions"]}


def outcomes(job, *names):
    ended = {test["name"]: test for test in job["tests"]}
    return [ended[name]["outcome"] for name in names]


REAL = ("test_real_logits", "test_real_engine")


@pytest.fixture(scope="module")
def on_model(llamas, original):
    """What a run on the checkpoint says, and its scores."""
    done = run(llamas, "--model", str(original))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, graded(llamas)


def test_a_right_submission_passes_on_a_real_checkpoint(on_model, original):
    _, jobs = on_model
    assert outcomes(jobs["right"], *REAL) == ["passed", "passed"]
    assert jobs["right"]["model"] == read_checkpoint(original).label
    assert (jobs["right"]["score"]["points"], jobs["right"]["score"]["maximum"]) == (100, 100)


def test_a_wrong_one_does_not(on_model):
    _, jobs = on_model
    assert outcomes(jobs["wrong"], *REAL) == ["failed", "failed"]


def test_without_a_checkpoint_scores_are_the_same_and_it_is_said_why(on_model, llamas, original):
    _, before = on_model
    assert "0 jobs to grade, 2 known already" in run(llamas, "--model", str(original)).stdout
    assert run(llamas).returncode == 0
    jobs = graded(llamas)
    for name in ("right", "wrong"):
        assert outcomes(jobs[name], *REAL) == ["ungradable", "ungradable"]
        assert jobs[name]["score"] == before[name]["score"]
        assert jobs[name]["model"] == ""
    said = next(t for t in jobs["right"]["tests"] if t["name"] == REAL[0])["message"]["en"]
    assert "grader run --model DIR" in said


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda shard: shard.write_text(POINTER), "`git lfs pull`"),
        (lambda shard: write_shard(shard, (1 << 20, 1 << 19)), "too large for this machine"),
    ],
    ids=["pointer", "too large"],
)
def test_a_checkpoint_that_cannot_be_used_is_wrong_usage(llamas, folder, damage, line):
    damage(folder / SHARD.format(1))
    done = run(llamas, "--model", str(folder))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("grader: ")
    assert done.stderr.count("\n") == 1
    assert line in done.stderr


def test_a_checkpoint_that_no_test_uses_is_wrong_usage(course, original):
    done = course.grader("run", "--model", str(original))
    assert done.returncode == 2
    assert done.stderr == "grader: --model: no test of vectors uses a real checkpoint\n"
