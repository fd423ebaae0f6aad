"""Write a student's repository: exercises, wheel, READMEs, its own small workflow, and a first commit."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Template

from grader.candidate import Candidate
from grader.check import DEVICE, choose_tier
from grader.course import MANIFEST, Course, find_course
from grader.errors import UsageError
from grader.exercise import Exercise, Published
from grader.handout.published import publish, publish_kit
from grader.handout.wheel import requirement, write_wheel
from grader.manifest import write_manifest
from grader.reports.wording import Lang, say
from grader.slot import INSPECTOR, Desk
from grader.wall.choice import build_wall

TEMPLATES = Path(__file__).parent / "templates"
# template -> path in the student's repository
FILES: Mapping[str, str] = {
    "README.md": "README.md",
    "README.zh.md": "README.zh.md",
    "pyproject": "pyproject.toml",
    "gitignore": ".gitignore",
    "gitattributes": ".gitattributes",
    "check.yml": ".github/workflows/check.yml",
}
COMMENT = "A student's repository, made by `grader handout`; `grader check` looks for this file."
AUTHOR = ("-c", "user.name=Course", "-c", "user.email=course@localhost", "-c", "commit.gpgsign=false")


def write_handout(course: Course, folder: Path, kits: Sequence[str] = ()) -> Path:
    """Write a student's repository with one commit into a new or empty folder; return the wheel's path.

    `kits` names the exercises whose kits it has from the beginning. Raises UsageError, ContentError.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty; name a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as made:
        root = Path(made) / "repository"
        root.mkdir()
        wheel = _write(course, root, [course.exercise(name) for name in kits])
        _commit(root)
        if folder.exists():
            folder.rmdir()  # empty, or this fails
        root.rename(folder)
    return folder / wheel


def add_kits(course: Course, folder: Path, names: Sequence[str]) -> tuple[Path, ...]:
    """Add published kits to a student's repository; return their paths. Raises UsageError, ContentError."""
    student = find_course(folder, student=True)
    exercises = [course.exercise(name) for name in names]
    for exercise in exercises:
        there = student.exercise(exercise.name).kit_path
        if there.is_file() and there.read_bytes() != exercise.kit_path.read_bytes():
            raise UsageError(f"{there} is there already, and not the same; remove it first")
    return tuple(publish_kit(e, student.root / "exercises" / e.name) for e in exercises)


def _write(course: Course, root: Path, kits: Sequence[Exercise]) -> Path:
    exercises = course.exercises()
    for exercise, known in _examined(exercises):
        publish(exercise, known, root / "exercises" / exercise.name)
    for exercise in kits:
        publish_kit(exercise, root / "exercises" / exercise.name)
    names = list(course.exercise_names)
    title = {"en": course.title.en, "zh": course.title.zh}
    manifest = write_manifest({"student": True, "title": title, "exercises": names}, COMMENT)
    (root / MANIFEST).write_text(manifest, encoding="utf-8", newline="\n")
    (root / "wheels").mkdir()
    wheel = write_wheel(root / "wheels").relative_to(root)
    _write_texts(course, exercises, root, wheel)
    return wheel


def _examined(exercises: Sequence[Exercise]) -> Iterator[tuple[Exercise, Published]]:
    """Find out the size of each reference, and the signatures of what students start from.

    Both are read, not run, by a worker, as students' sources are.
    """
    wall = build_wall(choose_tier(), (INSPECTOR,), DEVICE)
    try:
        for exercise in exercises:
            size = Desk(wall, exercise, DEVICE, seed=0).reference_inspection.size
            with Candidate(wall, exercise, exercise.starter_files(), DEVICE) as starter:
                signatures = starter.inspect().signatures
            yield exercise, Published(size.statements, size.tokens, signatures)
    finally:
        wall.close()


def _write_texts(course: Course, exercises: Sequence[Exercise], root: Path, wheel: Path) -> None:
    values = {
        "title_en": course.title.en,
        "title_zh": course.title.zh,
        "table_en": _table(exercises, "en", "README.md"),
        "table_zh": _table(exercises, "zh", "README.zh.md"),
        "wheel": wheel.as_posix(),
        "torch": requirement("torch"),
        "transformers": requirement("transformers"),
    }
    for name, target in FILES.items():
        path = root / target
        path.parent.mkdir(parents=True, exist_ok=True)
        text = Template((TEMPLATES / name).read_text(encoding="utf-8")).substitute(values)
        path.write_text(text, encoding="utf-8", newline="\n")


def _table(exercises: Sequence[Exercise], lang: Lang, readme: str) -> str:
    """Return the rows of the table of exercises."""
    rows = []
    for e in exercises:
        bonus = sum(spec.points for spec in e.tests if spec.bonus)
        upstream = ", ".join(f"`{name}`" for name in e.requires) or "–"
        link = f"[`{e.name}`](exercises/{e.name}/{readme})"
        rows.append(f"| {link} | {say(e.title, lang)} | {upstream} | 100 + {bonus:g} |")
    return "\n".join(rows)


def _commit(root: Path) -> None:
    """Make the folder a git repository with one commit."""
    for arguments in (
        ("init", "--quiet", "--initial-branch=main", "--template="),
        ("add", "--all", "--force"),
        (*AUTHOR, "commit", "--quiet", "--no-verify", "-m", "Start of the course"),
    ):
        # Whatever git is told on this machine (files to leave out, hooks) is not the course's.
        ours = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | ours
        git = shutil.which("git")
        if git is None:
            raise UsageError("git is not installed; a student's repository is one of git")
        done = subprocess.run(
            [git, *arguments], cwd=root, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise UsageError(f"git {arguments[-1]}: {done.stderr.strip()}")
