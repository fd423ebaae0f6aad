"""All workflows and scripts are clean by the linters, pinned, and ask for as little as they can."""

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
TEMPLATE = ROOT / "grader" / "handout" / "templates" / "check.yml"
BIN = Path(sysconfig.get_path("scripts"))
OURS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CI = (ROOT / ".ci" / "run").read_text()


@pytest.fixture(scope="module")
def workflows(tmp_path_factory):
    """Our workflows, and the students' as `grader handout` writes it."""
    folder = tmp_path_factory.mktemp("workflows") / ".github" / "workflows"
    folder.mkdir(parents=True)
    for path in OURS:
        (folder / path.name).write_text(path.read_text())
    text = TEMPLATE.read_text().replace("$$", "$").replace("$wheel", "wheels/grader.whl")
    (folder / "check.yml").write_text(text)
    return sorted(folder.glob("*.yml"))


def documents(paths):
    return {path.name: yaml.safe_load(path.read_text()) for path in paths}


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ci_lints_them():
    for linter in (
        "zizmor --offline",
        "check-jsonschema --builtin-schema vendor.github-workflows",
        "shellcheck",
    ):
        assert f".venv/bin/{linter}" in CI


def test_zizmor_is_content(workflows):
    run(BIN / "zizmor", "--offline", "--no-progress", "--quiet", "--strict-collection", *workflows)


def test_they_fit_githubs_schema(workflows):
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)


def test_shellcheck_is_content_with_every_step(workflows, tmp_path):
    scripts = []
    for name, document in documents(workflows).items():
        steps = [step for job in document["jobs"].values() for step in job["steps"] if "run" in step]
        for number, step in enumerate(steps):
            scripts.append(tmp_path / f"{name}-{number}.sh")
            scripts[-1].write_text(f"#!/usr/bin/env bash\nset -eo pipefail\n{step['run']}\n")
    assert len(scripts) > 15
    run(BIN / "shellcheck", *scripts, *(ROOT / ".github" / "scripts").iterdir())


def test_every_action_is_pinned_with_its_version(workflows):
    for path in workflows:
        for line in path.read_text().splitlines():
            if "uses:" in line:
                assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_nothing_is_granted_unless_a_job_needs_it(workflows):
    granted = {}
    for name, document in documents(workflows).items():
        assert document["permissions"] == {}
        assert document["concurrency"]["group"]
        for job, details in document["jobs"].items():
            granted[name, job] = details["permissions"]
            assert details["timeout-minutes"] <= 120
    writing = {where: rights for where, rights in granted.items() if rights != {"contents": "read"}}
    assert writing == {("grade.yml", "publish"): {"contents": "write"}}


def test_no_checkout_keeps_its_token(workflows):
    for document in documents(workflows).values():
        for job in document["jobs"].values():
            checkouts = [
                step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")
            ]
            assert [step["with"] for step in checkouts] == [{"persist-credentials": False}]


def test_only_jobs_without_students_code_see_secrets(workflows):
    document = documents(workflows)["grade.yml"]
    seeing = {
        name for name, job in document["jobs"].items() if re.search(r"secrets\.|github\.token", str(job))
    }
    assert seeing == {"pull", "publish"}
    for name in ("grade", "gpu"):
        assert "/scripts/grade " in str(document["jobs"][name])


def test_no_text_from_outside_becomes_program_text(workflows):
    for document in documents(workflows).values():
        for job in document["jobs"].values():
            assert not [step for step in job["steps"] if "${{" in step.get("run", "")]
