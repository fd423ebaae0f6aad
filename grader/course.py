"""The course: its root folder, grader.yaml, its exercises in teaching order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from grader.errors import UsageError, unknown_name
from grader.exercise import Exercise, read_exercise
from grader.job import Text
from grader.manifest import Section, read_manifest
from grader.targets import Targets, read_targets

MANIFEST = "grader.yaml"
WALLS = ("auto", "A", "C")

_SERVER = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(?P<port>\d{1,5}))?/?"
)


@dataclass(frozen=True, slots=True)
class PullRules:
    """Where students' repositories may be, and how much of each is taken. `pull:` in grader.yaml.

    `hosts` are the only hosts, where any are named; `http` may be reached without encryption; `token` are
    the servers that are shown the token of the course: scheme and host, and a port that is not the usual one.
    """

    hosts: tuple[str, ...] = ()
    http: tuple[str, ...] = ()
    token: tuple[str, ...] = ()
    megabytes: float = 100
    files: float = 5000
    seconds: float = 120


@dataclass(frozen=True, slots=True)
class Course:
    """One course repository, or the part of it that a student has (`student`).

    `wall` is the weakest sandbox tier accepted ("auto": the best there is), `targets` where scores go.
    """

    root: Path
    title: Text
    wall: str
    exercise_names: tuple[str, ...]
    student: bool = False
    pull: PullRules = PullRules()
    targets: Targets = Targets()  # noqa: RUF009  # frozen

    @property
    def submissions_path(self) -> Path:
        """The folder with one folder per student."""
        return self.root / "submissions"

    @property
    def store_path(self) -> Path:
        """Where results are kept."""
        return self.root / ".grader" / "results.sqlite"

    @property
    def log_path(self) -> Path:
        """Where the grader's own faults are written down."""
        return self.root / ".grader" / "log"

    @property
    def published_path(self) -> Path:
        """Where it is noted what has been posted."""
        return self.root / ".grader" / "published.json"

    def exercise(self, name: str) -> Exercise:
        """Read one exercise. Raises UsageError for an unknown name, ContentError for a broken one."""
        if name not in self.exercise_names:
            raise unknown_name("exercise", name, self.exercise_names)
        return read_exercise(self.root / "exercises" / name)

    def exercises(self, names: tuple[str, ...] = ()) -> tuple[Exercise, ...]:
        """Read the named exercises (all without names), in teaching order."""
        for name in names:
            if name not in self.exercise_names:
                raise unknown_name("exercise", name, self.exercise_names)
        return tuple(self.exercise(name) for name in self.exercise_names if not names or name in names)


def find_course(start: Path, *, student: bool = False) -> Course:
    """Read the course, or the student's repository, whose root is `start` or the nearest folder above it."""
    start = start.resolve()
    for root in (start, *start.parents):
        if (root / MANIFEST).is_file():
            break
    else:
        raise UsageError(
            f"no {MANIFEST} in {start} or above; run this in a course, or name one with --course DIR"
        )
    # A student's repository may call itself a course: its tests would then run as trusted.
    for outer in root.parents:
        if (outer / MANIFEST).is_file() and outer / "submissions" in root.parents:
            raise UsageError(f"{root} is a submission of the course {outer}; use `grader run` there")
    course = read_course(root)
    if course.student and not student:
        raise UsageError(f"{root} is a student's repository, without hidden tests; use `grader check` there")
    if student and not course.student:
        raise UsageError(f"{root} is a course, no student's repository (`grader handout DIR` makes one)")
    return course


def read_course(root: Path) -> Course:
    """Read grader.yaml. Raises ContentError naming file and line."""
    manifest = read_manifest(root / MANIFEST)
    manifest.allow_only("title", "wall", "exercises", "student", "pull", "publish")
    wall = manifest.word("wall", "auto")
    if wall not in WALLS:
        raise manifest.error(f"'wall' must be one of {', '.join(WALLS)}", "wall")
    names = manifest.names("exercises")
    for name in names:
        if not (root / "exercises" / name / "exercise.yaml").is_file():
            raise manifest.error(f"exercise {name!r} has no exercises/{name}/exercise.yaml", "exercises")
    folders = {p.parent.name for p in (root / "exercises").glob("*/exercise.yaml")}
    for stray in sorted(folders - set(names)):
        raise manifest.error(f"exercises/{stray} is not listed under 'exercises'", "exercises")
    pull = _pull_rules(manifest.section("pull"))
    targets = read_targets(manifest.section("publish"))
    return Course(root, manifest.text("title"), wall, names, manifest.flag("student"), pull, targets)


def _pull_rules(section: Section | None) -> PullRules:
    if section is None:
        return PullRules()
    section.allow_only("hosts", "http", "token", "megabytes", "files", "seconds")
    default = PullRules()
    numbers = {key: section.number(key, getattr(default, key)) for key in ("megabytes", "files", "seconds")}
    for key, number in numbers.items():
        if number < 1:
            raise section.error(f"{key!r} must be 1 or more", key)
    hosts, http, token = (tuple(h.lower() for h in section.words(k)) for k in ("hosts", "http", "token"))
    token = tuple(_server(section, word) for word in token)
    return PullRules(hosts, http, token, numbers["megabytes"], numbers["files"], numbers["seconds"])


def _server(section: Section, word: str) -> str:
    """Read a server that is shown a token: HOST or HOST:PORT, meaning https, or all of it, http included."""
    found = _SERVER.fullmatch(word)
    if not found:
        raise section.error(f"{word!r} is no server: write HOST, HOST:PORT or http://HOST:PORT", "token")
    scheme, host, port = found["scheme"] or "https", found["host"], found["port"]
    usual = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{host}" + (f":{int(port)}" if port and int(port) != usual else "")
