"""A course whose students' repositories are on a git server of our own."""

import io
import json
import os
import signal
import subprocess
import time
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import pytest

from grader.cli import main
from grader.course import read_course

from .repositories import Bare
from .server import GitServer

ALONE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
RULES = 'pull: {http: [127.0.0.1], token: ["http://127.0.0.1:%d"], megabytes: 2, files: 200, seconds: %g}\n'
FOR_EVER = (
    600  # seconds: no verdict, only a bound on what hangs, also on a machine that is busy with other things
)


def plain_git(where, *arguments, check=True):
    """Run git as an instructor would."""
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    done = subprocess.run(
        command, cwd=where, env={**os.environ, **ALONE}, check=check, capture_output=True, text=True
    )
    return done.stdout


def processes():
    """Return the command lines of all processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            found.append(path.read_bytes())
    return found


def of_processes(what, text):
    """Return the command lines of processes of which one link in `/proc` (`cwd`) contains a text."""
    found = []
    for path in Path("/proc").glob(f"[0-9]*/{what}"):
        with suppress(OSError):
            if text in os.fsencode(path.readlink()):
                found.append(path.with_name("cmdline").read_bytes())
    return found


def started(command, **more):
    """Start a command that heeds Ctrl-C, also where this process does not: a background job of a shell."""

    def heed():
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=heed, **more)  # noqa: PLW1509


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Class:
    """A course, its server, and the students' bare repositories."""

    course: object
    server: GitServer
    bare: dict = field(default_factory=dict)

    @property
    def root(self):
        return self.course.root

    @property
    def rules(self):
        return read_course(self.root).pull

    def enrol(self, name, how="ok", branch="", files=None):
        """Add a submodule, as `.gitmodules` has it; with files, they are what was pushed."""
        self.bare[name] = Bare(self.server.folder / f"{name}.git")
        if files is not None:
            self.bare[name].commit(files)
        self.entry(name, self.server.url(name, how), branch)
        return self.bare[name]

    def entry(self, name, url, branch="", path=None, section=None, more=""):
        path = path or f"submissions/{name}"
        rows = f'[submodule "{section or path}"]\n\tpath = "{path}"\n\turl = {url}\n'
        rows += f"\tbranch = {branch}\n" if branch else ""
        with (self.root / ".gitmodules").open("a", encoding="utf-8") as file:
            file.write(rows + more)

    def grader(self, *arguments, **environment):
        """Run the command line in this process: its start would take longer than what it does."""
        out, err = io.StringIO(), io.StringIO()
        with (
            patch.dict(os.environ, environment),
            redirect_stdout(out),
            redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            main([*arguments, "--course", str(self.root)])
        return Ended(ended.value.code or 0, out.getvalue(), err.getvalue())

    def pull(self, *arguments, **environment):
        return self.grader("pull", *arguments, **environment)

    def record(self):
        return json.loads((self.root / ".grader" / "pulls.json").read_text())["submissions"]

    def file(self, name, path="exercises/vectors/solution.py"):
        return self.root / "submissions" / name / path

    def lines(self, done):
        """Return what was said, by submission."""
        rows = [row.partition("] ")[2] for row in done.stdout.splitlines() if row.startswith("[")]
        return {row.partition(": ")[0]: row.partition(": ")[2] for row in rows}


def until(condition):
    """Wait until something is so; raise where it never is."""
    end = time.monotonic() + FOR_EVER
    while not (found := condition()):
        assert time.monotonic() < end, "it has not come to this"
        time.sleep(0.05)
    return found


def found_class(course, server, seconds=60):
    with (course.root / "grader.yaml").open("a") as file:
        file.write(RULES % (server.port, seconds))
    plain_git(course.root, "init", "-q", "-b", "main")
    plain_git(course.root, "add", "-A")
    plain_git(course.root, "commit", "-q", "-m", "the course")
    return Class(course, server)


@pytest.fixture
def students(course, tmp_path):
    """A class of this test's own."""
    with GitServer(tmp_path / "server") as server:
        yield found_class(course, server)
