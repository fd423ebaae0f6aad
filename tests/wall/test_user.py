"""The same wall, built by an ordinary user with the distribution's Python, without root's rights."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import grader
from grader.wall import owner

from .conftest import LIBRARY

UID = 12345
PYTHON = "/usr/bin/python3"
PROGRAM = """
import struct, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from grader.job import Limits
from grader.wall.launch import Wall

def run(worker, text):
    worker.send([struct.pack("<I", len(text)), text])
    size = bytearray(4)
    worker.receive_into(memoryview(size))
    answer = bytearray(struct.unpack("<I", size)[0])
    worker.receive_into(memoryview(answer))
    return answer.decode()

with Wall(sys.argv[1], (), serve="shell:serve", library=Path(sys.argv[3])) as wall:
    for text in sys.argv[4:]:
        worker = wall.open(Limits(processes=20))
        print(run(worker, text.encode()))
        worker.kill()
"""


@pytest.fixture
def as_user(tmp_path_factory):
    if os.getuid() != 0 or sys.platform != "linux" or not Path(PYTHON).exists():
        pytest.skip("needs root, to become an ordinary user, and the distribution's Python")
    version = "import sys; sys.exit(sys.version_info < (3, 11))"
    if subprocess.run([PYTHON, "-c", version], check=False).returncode:
        pytest.skip("the distribution's Python is too old")
    home = tmp_path_factory.mktemp("home")
    for place in ("checkout", "site-packages"):
        for package in (grader, msgspec):
            folder = Path(package.__file__).parent
            shutil.copytree(folder, home / place / folder.name)
    shutil.copytree(LIBRARY, home / "library")
    for directory in (home, *list(home.parents)[:-2]):
        directory.chmod(0o755)

    def run(tier, *texts, place="checkout"):
        command = [PYTHON, "-I", "-c", PROGRAM, tier, str(home / place), str(home / "library"), *texts]
        user = {"user": UID, "group": UID, "extra_groups": []}
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **user)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    yield run
    shutil.rmtree(home)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may choose")
def test_jobs_of_roots_slot_run_as_a_user_of_their_own(shell):
    assert shell.run("import os; answer = os.getresuid() + os.getresgid()") == str(
        (0x70000000 + os.getpid(),) * 6
    )


def test_ids_that_a_container_lacks_are_not_taken(monkeypatch):
    monkeypatch.setattr(owner, "_FIRST_FREE", 1 << 33)  # beyond all that exist
    assert owner.job_uid() == 65534


@pytest.mark.parametrize("place", ["checkout", "site-packages"])
@pytest.mark.parametrize("tier", ["A", "C"])
def test_a_user_can_build_the_wall(as_user, tier, place):
    who = "import os; answer = os.getuid()"
    read = "open('/etc/passwd')"
    own = "import grader; open(grader.__file__.replace('__init__', 'errors'))"
    identity, *outcomes = as_user(tier, who, read, own, place=place)
    assert identity == str(UID)
    for outcome in outcomes:
        assert outcome.split(":")[0] in ("FileNotFoundError", "PermissionError")


def test_a_user_cannot_be_signalled(as_user):
    assert as_user("C", "import os; os.kill(os.getppid(), 9)")[0].startswith("PermissionError")


def test_processes_of_a_user_are_bounded(as_user):
    count = """
import os, time
made = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(60)
        made += 1
except OSError:
    answer = made
"""
    assert as_user("A", count) == ["19"]
