"""The workflow from a push to a score: its own steps, in clean clones, on a class of every kind of student.

Four runs: the whole class; one new push, while that student's repository cannot be told; nothing new; two
students by hand, in two parts.
"""
# ruff: noqa: TID252  # the servers are those of other tests

import json
import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..conftest import BEHAVIOURS
from ..publish.service import TOKEN as API_TOKEN
from ..publish.service import Service
from ..pull.conftest import found_class, plain_git
from ..pull.kinds import EVIL, POINTER, SOLUTION
from ..pull.repositories import link
from ..pull.server import TOKEN as GIT_TOKEN
from ..pull.server import GitServer
from .runner import GitHub

ROOT = Path(__file__).parent.parent.parent
WORKFLOW = ".github/workflows/grade.yml"
NOTES = "exercises/vectors/PSEUDOCODE.md"

# Students by what they push: a behaviour of tests/behaviours, and more files.
GRADED = {
    "right": ("passes", {}),
    "wrong": ("wrong", {}),
    "crashing": ("crashes_half_way", {}),
    "unreadable": ("syntax_error", {}),
    "forbidden": ("violates_policy", {}),
    "raising": ("evil_exception", {}),
    "shouting": ("prints_workflow_commands", {}),
    "forging": ("forges_report", {}),
    "linking": ("passes", {"a": link("/etc/passwd"), "exercises/vectors/b": link("../../../../x")}),
    "lfs": ("passes", {"model.bin": POINTER}),
    "secret": ("passes", {}),  # private, and the grader has access
}
# Students who are told what to do: how they are served, what they push, what is said.
NOT_PULLED = {
    "private": ("forbidden", {"README.md": "x"}, "private: make the repository public"),
    "gone": ("missing", {"README.md": "x"}, "not found, or private"),
    "empty": ("ok", None, "empty"),
    "huge": ("ok", {"weights.bin": os.urandom(3_000_000)}, "too large: more than 2 MB"),
    "hostile": ("ok", {".git/config": EVIL}, "damaged or malicious"),
    "down": ("down", {"README.md": "x"}, "cannot be reached"),
}
PUBLISH = """
publish:
  languages: {{wrong: zh}}
  files: [gradescope, classroom]
  github: {{api: {service}, server: {server}}}
  endpoints:
    ranking:
      url: {service}/rank
      header: "token: {{token}}"
      accepted: {{result: 1}}
      body:
        {{channel: github, courseId: 1948, name: "{{name}}", score: "{{points}}", totalScore: "{{maximum}}"}}
"""
SECRETS = {
    "GITHUB_TOKEN": GIT_TOKEN,
    "GRADER_GIT_TOKEN": GIT_TOKEN,
    "GRADER_GITHUB_TOKEN": API_TOKEN,
    "GRADER_RANKING_TOKEN": API_TOKEN,
}


def solution(behaviour):
    folder = BEHAVIOURS / "submissions" / behaviour
    if (folder / "solution.py").is_file():
        return (folder / "solution.py").read_text()
    right = (BEHAVIOURS / "submissions" / "passes" / "solution.py").read_text()
    return f"{right}\n\n{(folder / 'added.py').read_text()}"


def pushed(behaviour):
    """Return the files of a student who behaves so."""
    notes = BEHAVIOURS / "submissions" / behaviour / "PSEUDOCODE.md"
    course = BEHAVIOURS / "course" / "exercises" / "vectors" / "reference" / "PSEUDOCODE.md"
    return {SOLUTION: solution(behaviour), NOTES: (notes if notes.is_file() else course).read_text()}


def expected(behaviour):
    return json.loads((BEHAVIOURS / "submissions" / behaviour / "expected.json").read_text())


def enrol(students):
    for name, (behaviour, more) in GRADED.items():
        students.enrol(name, "private" if name == "secret" else "ok", files={**pushed(behaviour), **more})
    for name, (how, files, _) in NOT_PULLED.items():
        students.enrol(name, how, files=files)
    students.enrol("nothing", files={"README.md": "to do\n"})
    students.enrol("branchless", branch="final", files=pushed("passes"))
    students.entry("injected", "ext::sh -c touch% pwned")


def publish_course(students, service):
    """Put the course, with the workflow, onto the server, in a repository that needs a token."""
    shutil.copytree(ROOT / ".github", students.root / ".github")
    shutil.copy(ROOT / "pyproject.toml", students.root)
    with (students.root / "grader.yaml").open("a") as file:
        file.write(PUBLISH.format(service=service.url, server=f"http://127.0.0.1:{students.server.port}"))
    plain_git(students.root, "add", "-A")
    plain_git(students.root, "commit", "-q", "-m", "the class")
    bare = students.server.folder / "course"
    plain_git(students.root, "clone", "-q", "--bare", ".", str(bare))
    plain_git(bare, "config", "http.receivepack", "true")
    return bare


@dataclass
class Run:
    """One run of the workflow: its jobs, its artifacts, what the git server was asked meanwhile."""

    jobs: dict
    artifacts: Path
    asked: list

    def __getitem__(self, name):
        return self.jobs[name]

    @property
    def results(self):
        return {name: job.result for name, job in self.jobs.items()}


class Term:
    """The three runs, and what was there after each."""

    def __init__(self, students, service, folder):
        self.students, self.service = students, service
        enrol(students)
        self.bare = publish_course(students, service)
        server = f"http://127.0.0.1:{students.server.port}"
        self.github = GitHub(folder, server, "private/course", secrets=SECRETS)
        self.first = self.run("push")
        self.told, self.ranked = list(service.checks), list(service.scores)
        self.rewritten = students.bare["wrong"].tip
        students.bare["wrong"].commit(pushed("passes"), parents=[])
        service.gone = {"ok/wrong"}
        self.second = self.run("schedule")
        self.told_after, self.ranked_after = list(service.checks), list(service.scores)
        service.gone = set()
        self.third = self.run("schedule")
        self.told_at_last, self.ranked_at_last = list(service.checks), list(service.scores)
        self.github.variables = {"GRADER_SHARDS": '["1/2", "2/2"]'}
        self.by_hand = self.run(
            "workflow_dispatch", {"students": "right, raising", "exercises": "vectors", "fresh": True}
        )

    def run(self, event, inputs=None):
        before = len(self.students.server.requests)
        done = self.github.run(WORKFLOW, event, inputs)
        return Run(done, self.github.here / "artifacts", self.students.server.asked("")[before:])

    @property
    def runs(self):
        return (self.first, self.second, self.third, self.by_hand)

    def kept(self, file):
        return plain_git(self.bare, "show", f"grades:{file}")

    def check(self, name):
        (check,) = [c for repository, c in self.told if repository.endswith(f"/{name}")]
        return check


@pytest.fixture(scope="module")
def term(make_course, tmp_path_factory):
    folder = tmp_path_factory.mktemp("term")
    (folder / "server").mkdir()
    with GitServer(folder / "server") as server, Service() as service:
        students = found_class(make_course(folder / "course"), server, seconds=30)
        yield Term(students, service, folder / "runs")


# ------------------------------------------------------------------ the whole class


def test_there_are_twenty_students(term):
    entries = (term.students.root / ".gitmodules").read_text().count("[submodule")
    assert entries == len(GRADED) + len(NOT_PULLED) + 3 == 20


def test_all_jobs_end_well(term):
    said = {name: job.said for name, job in term.first.jobs.items()}
    assert term.first.results == {
        "pull": "success",
        "grade": "success",
        "gpu": "skipped",
        "publish": "success",
    }, said


def test_the_class_is_shown(term):
    summary = term.first["publish"].summary
    for name, (behaviour, _) in GRADED.items():
        points = expected(behaviour)["points"]
        assert re.search(rf"^\| {name} \| {points:g}/", summary, re.MULTILINE), name
    assert re.search(r"^\| nothing \| 0/100 \(missing\)", summary, re.MULTILINE)
    assert not any(f"| {name} |" in summary for name in NOT_PULLED)


def test_who_could_not_be_pulled_is_told_what_to_do(term):
    summary = term.first["pull"].summary
    assert "**pulled: 12 of 20**" in summary
    for name, (_, _, said) in NOT_PULLED.items():
        (line,) = [row for row in summary.splitlines() if row.startswith(f"- {name}: ")]
        assert said in line
    assert "- branchless: no branch 'final'; there are: main" in summary
    assert "is no address of a repository" in summary
    assert "- lfs: Git LFS pointers instead of the files: model.bin" in summary
    assert "::error::some entries of the course are wrong" in term.first["pull"].said


def test_each_student_is_told_on_the_commit_that_was_graded(term):
    told = dict(term.told)
    assert set(told) == {f"{'private' if n == 'secret' else 'ok'}/{n}" for n in [*GRADED, "nothing"]}
    for repository, check in told.items():
        name = repository.split("/")[1]
        if name != "wrong":  # who has pushed since
            assert check["head_sha"] == term.students.bare[name].tip
    assert told["ok/right"]["conclusion"] == "success"
    assert told["ok/right"]["output"]["title"] == "95/95 +5 (5 not gradable here)"
    assert told["ok/crashing"]["conclusion"] == "failure"
    assert "> Git LFS pointers instead of the files: model.bin" in told["ok/lfs"]["output"]["summary"]


def test_a_student_is_told_in_their_language(term):
    assert "| 向量 | 41/95" in term.check("wrong")["output"]["summary"]
    assert "对最后一维求和" in term.check("wrong")["output"]["summary"]
    assert "| Vectors | 75/95 +5" in term.check("crashing")["output"]["summary"]


def test_marks_are_on_the_students_own_lines(term):
    marked = {}
    for repository, check in term.told:
        for mark in check["output"]["annotations"]:
            name = repository.split("/")[1]
            files = pushed(GRADED[name][0])
            assert 1 <= mark["start_line"] == mark["end_line"] <= files[mark["path"]].count("\n") + 1
            marked.setdefault(name, []).append(files[mark["path"]].splitlines()[mark["start_line"] - 1])
    assert set(marked) >= {"raising", "unreadable", "forbidden"}
    assert any("raise" in line or "import" in line for line in marked["forbidden"])


def test_the_ranking_has_every_score(term):
    scores = {body["name"]: (body["score"], body["totalScore"]) for body in term.ranked}
    assert set(scores) == {*GRADED, "nothing"}
    assert scores["right"] == (95, 95)
    assert {name: round(scores[name][0], 2) for name in GRADED} == {
        name: expected(behaviour)["points"] for name, (behaviour, _) in GRADED.items()
    }


def test_the_reports_are_kept(term):
    reports = term.first.artifacts / "reports"
    for name in [*GRADED, "nothing"]:
        for path in (f"junit/{name}.xml", f"gradescope/{name}.json", f"classroom/{name}.json"):
            assert (reports / path).is_file()
    document = json.loads((reports / "scores.json").read_text())
    commits = {s["name"]: s["jobs"][0]["commit"] for s in document["submissions"]}
    assert commits["right"] == term.students.bare["right"].tip


def test_what_is_handed_on_leads_nowhere(term):
    with tarfile.open(term.first.artifacts / "handed-on" / "handed-on.tar") as archive:
        members = {member.name: member for member in archive}
    assert f"submissions/right/{SOLUTION}" in members
    assert ".grader/pulls.json" in members
    assert all(member.isreg() or member.isdir() for member in members.values())
    assert not any("/.git" in name for name in members)


def test_the_sandbox_was_made_possible_and_required(term):
    assert "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" in term.first["grade"].said
    assert "sandbox: A" in term.first["grade"].said
    assert "uv pip install --system --quiet --torch-backend cpu ." in term.first["grade"].said
    assert "--torch-backend" not in term.first["publish"].said


# ------------------------------------------------------------------ by hand


def test_named_students_are_graded_again_in_parts(term):
    parts = [term.by_hand["grade/0"], term.by_hand["grade/1"]]
    assert [part.result for part in parts] == ["success", "success"], [part.said for part in parts]
    assert ["1 jobs to grade, 0 known already" in part.said for part in parts] == [True, True]
    graded = [name for part in parts for name in re.findall(r"\[1/1\] (\w+) vectors", part.said)]
    assert sorted(graded) == ["raising", "right"]
    assert term.by_hand["pull"].summary.startswith("**pulled: 2 of 2**")


def test_the_same_score_is_not_posted_again(term):
    assert term.by_hand["publish"].result == "success"
    assert "2 new results" in term.by_hand["publish"].said
    assert term.service.checks == term.told_at_last
    assert term.service.scores == term.ranked_at_last


# ------------------------------------------------------------------ what must not be anywhere


def test_students_code_shares_no_job_with_a_token(term):
    for run in (term.first["grade"], term.second["grade"]):
        values = [value for environment in run.environments for value in environment.values()]
        assert not [value for value in values if value and value in SECRETS.values()]


def test_tokens_are_nowhere(term):
    texts = [job.said + job.summary for run in term.runs for job in run.jobs.values()]
    texts += [
        path.read_bytes().decode("latin-1")
        for path in term.github.folder.rglob("artifacts/**/*")
        if path.is_file()
    ]
    texts += [term.kept(file) for file in ("pulls.json", "results.jsonl", "published.json")]
    assert len(texts) > 50
    for secret in {*SECRETS.values()}:
        assert not [text for text in texts if secret in text]


def test_what_students_print_is_no_command(term):
    ours = re.compile(r"::(?:stop-commands::[0-9a-f]{32}|[0-9a-f]{32}::|(?:notice|warning|error)::some )")
    for job in [job for run in term.runs for job in run.jobs.values()]:
        found = [line for line in job.said.splitlines() if re.match(r"\s*(::|##\[)", line)]
        assert [line for line in found if not ours.match(line)] == []


# ------------------------------------------------------------------ one new push


def test_one_new_push_grades_one_submission(term):
    assert "1 jobs to grade, 0 known already" in term.second["grade"].said
    assert "**pulled: 12 of 20**" in term.second["pull"].summary
    posts = [path for path in term.second.asked if path.endswith("/git-upload-pack")]
    asked = {name: posts.count(f"/ok/{name}.git/git-upload-pack") for name in ("wrong", "right", "lfs")}
    assert asked["right"] == asked["lfs"] == 1  # where is the branch? and nothing is fetched
    assert asked["wrong"] > 1


def test_a_force_push_is_told_with_what_was_graded_before(term):
    said = "- wrong: the history was rewritten (force-pushed); graded before: "
    assert f"{said}{term.rewritten[:12]}" in term.second["pull"].summary.replace("\\", "")
    page = term.told_at_last[-1][1]["output"]["summary"]
    assert f"历史被改写（强制推送）；之前评测的提交：{term.rewritten[:12]}" in page


def test_only_its_score_is_posted(term):
    assert [body["name"] for body in term.ranked_after[len(term.ranked) :]] == ["wrong"]
    assert term.ranked_after[-1]["score"] == 95
    assert term.told_after == term.told


def test_a_score_that_cannot_be_posted_fails_the_job_and_loses_nothing(term):
    publish = term.second["publish"]
    assert publish.result == "failure"
    assert publish.step("Post the scores").code == 6
    assert "github: wrong: not posted (ok/wrong is gone, or the token in GRADER_GITHUB_TOKEN" in publish.said
    assert publish.step("Keep what the next run has to know").code == 0
    assert re.search(r"^\| wrong \| 95/95", publish.summary, re.MULTILINE)


# ------------------------------------------------------------------ nothing new


def test_nothing_new_grades_nothing_and_posts_what_was_left(term):
    assert term.third.results == {
        "pull": "success",
        "grade": "skipped",
        "gpu": "skipped",
        "publish": "success",
    }
    new = term.told_at_last[len(term.told_after) :]
    assert [(repository, check["head_sha"]) for repository, check in new] == [
        ("ok/wrong", term.students.bare["wrong"].tip)
    ]
    assert term.ranked_at_last == term.ranked_after
    assert re.search(r"^\| right \| 95/95", term.third["publish"].summary, re.MULTILINE)


def test_the_branch_has_all_that_was_learnt(term):
    pulls = json.loads(term.kept("pulls.json"))["submissions"]
    assert [seen["commit"] for seen in pulls["wrong"]["history"]][-1] == term.students.bare["wrong"].tip
    assert len(pulls["wrong"]["history"]) == 2
    about, *results = map(json.loads, term.kept("results.jsonl").splitlines())
    assert about["kept"]
    assert {line["result"]["submission"] for line in results} == {*GRADED, "nothing"}
    assert len(plain_git(term.bare, "log", "--format=%h", "grades").split()) == 4
    author = subprocess.run(
        ["git", "-c", "safe.directory=*", "log", "-1", "--format=%an", "grades"],
        cwd=term.bare, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert author.stdout == "grader\n"
