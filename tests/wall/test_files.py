"""Single files shown beyond the wall: a checkpoint, which is too large to be sent."""

import tempfile
from pathlib import Path

import pytest

from grader.wall.launch import Wall

from .conftest import LIBRARY, LIMITS, Shell


@pytest.fixture(params=["/tmp", "/dev/shm"])
def folder(request):
    """A folder as a download tool leaves it: names that link to files elsewhere, and something private."""
    with tempfile.TemporaryDirectory(dir=request.param) as name:
        folder = Path(name) / "snapshot"
        folder.mkdir()
        (Path(name) / "blob").write_text("weights")
        (folder / "model").symlink_to("../blob")
        (folder / "config").write_text("config")
        (folder / "notes").write_text("private")
        for path in (folder / "notes", folder / "config"):
            path.chmod(0o644)
        yield folder


@pytest.fixture(params=["A", "C"])
def reader(request, folder):
    """A shell that is shown two of the files, and where it finds them."""
    files = [folder / "config", folder / "model"]
    with Wall(request.param, (), serve="shell:serve", library=LIBRARY, files=files) as wall:
        yield Shell(wall.open(LIMITS)), folder


def test_they_can_be_read_and_their_folder_listed(reader):
    shell, folder = reader
    assert (
        shell.run(f"answer = open('{folder}/config').read() + open('{folder}/model').read()")
        == "configweights"
    )
    names = shell.run(f"import os; answer = ' '.join(os.listdir('{folder}'))").split()
    assert {"config", "model"} <= set(names)


def test_nothing_beside_them_can_be_read(reader):
    shell, folder = reader
    assert shell.try_to(f"open('{folder}/notes')") in ("FileNotFoundError", "PermissionError")
    beside = shell.run(f"import os; answer = ' '.join(os.listdir('{folder.parent.parent}'))")
    assert beside == folder.parent.name or beside.startswith("PermissionError")


def test_nothing_of_them_can_be_changed(reader):
    shell, folder = reader
    for attempt in (f"open('{folder}/config', 'a')", f"os.remove('{folder}/config')"):
        assert shell.try_to(attempt) in ("OSError", "PermissionError")
    shell.try_to(f"open('{folder}/new', 'w')")  # in tier A the folder is the job's own
    assert {path.name for path in folder.iterdir()} == {"config", "model", "notes"}
    assert (folder / "config").read_text() == "config"
