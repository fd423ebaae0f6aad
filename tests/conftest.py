"""The tiny course of tests/behaviours, and the real command line to run on copies of it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from multiprocessing.util import Finalize
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from grader.submission import snapshot

pytest.register_assert_rewrite("tests.outcomes")
# How long an example takes says more about the machine's load than about the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_configure(config):
    """Give each of several test processes a temporary directory of its own: tests look for what is left.

    And have Ctrl-C heard by what tests start, also where this runs in a shell's background, which ignores it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if worker := getattr(config, "workerinput", {}).get("workerid"):
        os.environ["TMPDIR"] = tempfile.tempdir = tempfile.mkdtemp(prefix=f"tests-{worker}-")
        Path(tempfile.tempdir).chmod(0o711)  # other users' processes have theirs in it
        # After multiprocessing has removed its own folder in it, which has priority -100.
        Finalize(None, shutil.rmtree, (tempfile.tempdir, True), exitpriority=-200)


BEHAVIOURS = Path(__file__).parent / "behaviours"
BEHAVIOUR_NAMES = sorted(path.name for path in (BEHAVIOURS / "submissions").iterdir() if path.is_dir())
GRADER = Path(sysconfig.get_path("scripts")) / "grader"


def lay_out(behaviour, course, name="vectors"):
    """Make a behaviour's folder a submission of a course.

    `solution.py` is a whole solution; `added.py` is what comes after the right one's last line; with neither,
    there is no folder for the exercise. PSEUDOCODE.md is the reference's unless the behaviour has its own.
    """
    source = BEHAVIOURS / "submissions" / behaviour
    folder = course / "submissions" / behaviour / "exercises" / name
    folder.mkdir(parents=True)
    right = (BEHAVIOURS / "submissions" / "passes" / "solution.py").read_text()
    link = json.loads((source / "expected.json").read_text()).get("symlink")
    if (source / "solution.py").is_file():
        shutil.copy(source / "solution.py", folder)
    elif (source / "added.py").is_file():
        folder.joinpath("solution.py").write_text(f"{right}\n\n{(source / 'added.py').read_text()}")
    elif link:
        folder.joinpath("solution.py").symlink_to(link)
    else:
        folder.rmdir()
        return
    own = source / "PSEUDOCODE.md"
    shutil.copy(own if own.is_file() else course / "exercises" / name / "reference" / "PSEUDOCODE.md", folder)


@dataclass
class TinyCourse:
    """A copy of the tiny course that a test may change."""

    root: Path
    name: str = "vectors"

    @property
    def exercise(self):
        return self.root / "exercises" / self.name

    @property
    def hidden_tests(self):
        return self.exercise / "hidden_tests" / "test_vectors.py"

    def submit(self, *behaviours):
        for behaviour in behaviours:
            lay_out(behaviour, self.root, self.name)

    def files(self, behaviour):
        """Return a behaviour's snapshot."""
        self.submit(behaviour)
        return snapshot(self.root / "submissions" / behaviour, [self.name]).files

    def edit(self, path, old, new):
        """Replace text that stands exactly once in a file of the exercise."""
        text = (self.exercise / path).read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        (self.exercise / path).write_text(text.replace(old, new))

    def command(self, *arguments):
        return [str(GRADER), *arguments, "--course", str(self.root)]

    def grader(self, *arguments, **environment):
        """Run the real command line to its end."""
        env = {**os.environ, "COLUMNS": "160", **environment}
        return subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=300, check=False, env=env
        )

    def scores(self):
        """Read scores.json: by submission, the one job of each."""
        return {name: jobs[0] for name, jobs in self.jobs().items()}

    def jobs(self):
        """Read scores.json: by submission, its jobs."""
        document = json.loads((self.root / "reports" / "scores.json").read_text())
        return {s["name"]: s["jobs"] for s in document["submissions"]}


def copy_course(folder, exercise="vectors"):
    """Copy the tiny course; its exercise may get another name."""
    shutil.copytree(BEHAVIOURS / "course", folder)
    (folder / "submissions").mkdir()
    course = TinyCourse(folder, exercise)
    if exercise != "vectors":
        (folder / "exercises" / "vectors").rename(course.exercise)
        manifest = folder / "grader.yaml"
        manifest.write_text(manifest.read_text().replace("[vectors]", f"[{exercise}]"))
    return course


@pytest.fixture(scope="session")
def make_course():
    """Return `copy_course`: make_course(folder, exercise="vectors")."""
    return copy_course


@pytest.fixture
def course(tmp_path):
    """A tiny course of this test's own."""
    return copy_course(tmp_path / "course")


@dataclass(frozen=True)
class WatchedRun:
    """What one run did, and what it left behind."""

    course: TinyCourse
    done: subprocess.CompletedProcess
    survivors: str  # command lines of processes still alive after it
    left_in_tmp: list
    scores: dict


def watch(course, folder, *arguments, **environment):
    """Run the real command line to its end, and see what it leaves behind; `folder` is for our own files."""
    survivors, temporary = folder / "survivors", folder / "tmp"
    temporary.mkdir()
    command = [sys.executable, str(BEHAVIOURS / "watch.py"), str(survivors), *course.command(*arguments)]
    env = {**os.environ, "TMPDIR": str(temporary), **environment}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=env)
    left = [str(path) for path in temporary.rglob("*")]
    return WatchedRun(course, done, survivors.read_text(), left, course.scores())


@pytest.fixture(scope="session")
def watched_run():
    """Return `watch`: watched_run(course, folder, *arguments, **environment)."""
    return watch


@pytest.fixture(scope="session")
def behaviours_run(tmp_path_factory):
    """The tiny course after one run over every behaviour; tests only look at it."""
    folder = tmp_path_factory.mktemp("behaviours")
    course = copy_course(folder / "course")
    course.submit(*BEHAVIOUR_NAMES)
    return watch(course, folder, "run", "--device", "cpu")
