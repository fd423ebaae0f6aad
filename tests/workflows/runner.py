"""A small GitHub: runs the steps of a workflow file as they stand, each job in a clean clone.

`run:` steps are run by bash as the runner does. The four actions that are used are what they are at GitHub:
a clone, a Python that is there, artifacts kept in a folder. What needs a machine of GitHub's (installing
packages, changing the kernel) is in `stubs/`, programs that only write down how they were called.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

import yaml

STUBS = Path(__file__).parent / "stubs"
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


@dataclass
class Step:
    """What came of one step."""

    name: str
    code: int = 0
    said: str = ""
    skipped: bool = False


@dataclass
class JobRun:
    """What came of one job."""

    result: str
    steps: list = field(default_factory=list)
    summary: str = ""
    environments: list = field(default_factory=list)

    def step(self, name):
        return next(step for step in self.steps if step.name == name)

    @property
    def said(self):
        return "\n".join(step.said for step in self.steps)


@dataclass
class GitHub:
    """Where a workflow runs: the course's repository, its variables and secrets, the artifacts of one run."""

    folder: Path
    server: str  # of the course's repository
    repository: str
    variables: dict = field(default_factory=dict)
    secrets: dict = field(default_factory=dict)
    number: int = 0

    def run(self, workflow, event="push", inputs=None):
        """Run a workflow file; return its jobs' runs by name (with /N for jobs of a matrix)."""
        self.number += 1
        self.here = self.folder / f"run-{self.number}"
        self.here.mkdir(parents=True)
        text = (self.clone(self.here / "definition") / workflow).read_text()
        document = yaml.safe_load(text)
        self.context = {
            "github": {
                "token": self.secrets.get("GITHUB_TOKEN", ""),
                "event_name": event,
                "repository_owner": self.repository.split("/")[0],
            },
            "inputs": inputs or {},
            "vars": self.variables,
            "secrets": self.secrets,
            "needs": {},
        }
        runs = {}
        for name, job in document["jobs"].items():
            needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            good = all(self.context["needs"][need]["result"] == "success" for need in needs)
            wanted = self.wanted(job.get("if"), good, default=good)
            parts = self.matrix(job) if wanted else []
            results, outputs = [], {}
            for index, part in enumerate(parts):
                done, outputs = self.job(document, name, job, index, part)
                runs[name if len(parts) == 1 else f"{name}/{index}"] = done
                results.append(done.result)
            result = "skipped" if not parts else "failure" if "failure" in results else "success"
            runs.setdefault(name, JobRun(result))
            self.context["needs"][name] = {"result": result, "outputs": outputs}
        return runs

    def clone(self, target):
        command = ["git", "clone", "-q", "--depth=1", f"{self.server}/{self.repository}", str(target)]
        basic = base64.b64encode(f"x-access-token:{self.secrets['GITHUB_TOKEN']}".encode()).decode()
        settings = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader"}
        settings |= {"GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}", "GIT_CONFIG_GLOBAL": os.devnull}
        subprocess.run(command, check=True, capture_output=True, env=os.environ | settings)
        return target

    def matrix(self, job):
        axes = job.get("strategy", {}).get("matrix", {})
        ((name, values),) = axes.items() or ((None, None),)
        return [{name: value} for value in self.value(values)] if name else [{}]

    def wanted(self, condition, good, default):
        """Evaluate an `if:`."""
        if condition is None:
            return default
        self.context["good"] = good
        expression = condition.strip().removeprefix("${{").removesuffix("}}")
        return bool(evaluate(expression, self.context)) and (good or "cancelled()" in expression)

    def value(self, text):
        """Fill the expressions of a value; alone, one keeps its kind."""
        if not isinstance(text, str):
            return text
        alone = EXPRESSION.fullmatch(text.strip())
        if alone:
            return evaluate(alone[1], self.context)
        return EXPRESSION.sub(lambda match: written(evaluate(match[1], self.context)), text)

    def job(self, document, name, job, index, part):
        root = self.here / f"{name}-{index}"
        work, temp = root / "work", root / "temp"
        temp.mkdir(parents=True)
        self.context |= {"matrix": part, "strategy": {"job-index": index}, "steps": {}}
        done = JobRun("success")
        for step in job["steps"]:
            self.step(document, job, step, work, temp, done)
        outputs = {key: self.value(text) for key, text in job.get("outputs", {}).items()}
        done.summary = (temp / "summary").read_text() if (temp / "summary").exists() else ""
        return done, outputs

    def step(self, document, job, step, work, temp, done):
        name = step.get("name") or step["uses"].split("@")[0]
        good = done.result == "success"
        if not self.wanted(step.get("if"), good, default=good):
            done.steps.append(Step(name, skipped=True))
            return
        if "uses" in step:
            with_ = {key: self.value(value) for key, value in step.get("with", {}).items()}
            action = step["uses"].split("@")[0].split("/")[1].replace("-", "_")
            getattr(self, action)(work, **{key.replace("-", "_"): value for key, value in with_.items()})
            done.steps.append(Step(name))
            return
        code, said = self.bash(document, job, step, work, temp, done)
        done.steps.append(Step(name, code, said))
        if code:
            done.result = "failure"

    def bash(self, document, job, step, work, temp, done):
        """Run a `run:` step as GitHub does: bash -e -o pipefail on the text as it stands."""
        output = temp / "output"
        output.write_text("")
        given = {**document.get("env", {}), **job.get("env", {}), **step.get("env", {})}
        env = {
            "HOME": str(temp),
            "LANG": "C.UTF-8",
            "PATH": f"{STUBS}:{sysconfig.get_path('scripts')}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": self.context["github"]["event_name"],
            "GITHUB_OUTPUT": str(output),
            "GITHUB_REPOSITORY": self.repository,
            "GITHUB_RUN_ID": str(self.number),
            "GITHUB_SERVER_URL": self.server,
            "GITHUB_STEP_SUMMARY": str(temp / "summary"),
            "GITHUB_WORKSPACE": str(work),
            "RUNNER_TEMP": str(temp),
            "COLUMNS": "160",
            **{key: written(self.value(value)) for key, value in given.items()},
        }
        done.environments.append(env)
        assert not EXPRESSION.search(step["run"]), "untrusted text would become program text"
        script = temp / "step.sh"
        script.write_text(step["run"])
        command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)]
        ended = subprocess.run(
            command,
            cwd=work,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if "id" in step:
            pairs = dict(line.split("=", 1) for line in output.read_text().splitlines())
            self.context["steps"][step["id"]] = {"outputs": pairs}
        return ended.returncode, ended.stdout

    # The actions.

    def checkout(self, work, persist_credentials=True):
        assert persist_credentials is False
        self.clone(work)

    def setup_python(self, work, python_version):
        assert re.fullmatch(r"3\.1[123]", str(python_version))

    def upload_artifact(self, work, name, path, if_no_files_found="warn", retention_days=90):
        target = self.here / "artifacts" / name
        found = sorted(work.glob(path))
        assert found or if_no_files_found != "error", f"nothing at {path}"
        target.mkdir(parents=True)
        for source in found:
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                shutil.copy(source, target)

    def download_artifact(self, work, name="", pattern="", path=".", merge_multiple=False):
        assert bool(name) != bool(pattern)
        for artifact in sorted((self.here / "artifacts").glob(name or pattern)):
            apart = "" if name or merge_multiple else artifact.name
            shutil.copytree(artifact, work / path / apart, dirs_exist_ok=True)

    def create_github_app_token(self, work, **with_):
        raise AssertionError("no test has an App")


def written(value):
    """Return a value as GitHub puts it into text."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def evaluate(expression, context):
    """Evaluate the part of GitHub's expression language that our workflows use."""

    def look_up(match):
        value = context
        for part in match[0].split("."):
            value = value.get(part, "") if isinstance(value, dict) else ""
        return repr(value)

    text = re.sub(r"'[^']*'|(?:github|inputs|vars|secrets|needs|matrix|strategy|steps)(?:\.[\w-]+)+",
                  lambda m: m[0] if m[0][0] == "'" else look_up(m), expression.strip())  # fmt: skip
    text = text.replace("&&", " and ").replace("||", " or ")
    text = re.sub(r"!(?!=)", " not ", text).strip()
    return eval(text, {"__builtins__": {}}, {"cancelled": lambda: False, "fromJSON": json.loads})
