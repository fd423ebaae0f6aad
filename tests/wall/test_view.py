"""What is shown beyond the wall, decided on the trusted side."""

import sys
from pathlib import Path

import pytest

from grader.errors import WallError
from grader.inside import jail
from grader.wall import view
from grader.wall.launch import Wall

from .conftest import LIBRARY, LIMITS, Shell


def launch():
    return view.launch_for("A", (), "cpu", "shell:serve", None)


def test_a_prefix_is_never_shown_whole():
    assert sys.base_prefix not in launch().trees
    assert not view.shown(Path.home() / "secret", launch())
    assert view.shown(Path("/usr/lib/x"), launch()) == "/usr"


def test_a_checkout_among_the_shown_is_refused(monkeypatch):
    monkeypatch.setattr(view, "package_directory", lambda: Path("/usr/src/course/grader"))
    with pytest.raises(WallError, match="move it"):
        launch()


def test_an_editable_install_shows_nothing_of_its_repository(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(tmp_path))
    assert str(tmp_path) not in launch().path


def test_rules_leave_out_the_package_within_a_tree(tmp_path):
    for path in ("lib/site/torch", "lib/site/grader", "lib/other"):
        (tmp_path / path).mkdir(parents=True)
    rules = jail._rules_around(str(tmp_path), str(tmp_path / "lib/site/grader"))
    allowed = {Path(p).relative_to(tmp_path).as_posix() for p, r in rules.items() if r == jail.confine.RUN}
    assert allowed == {"lib/site/torch", "lib/other"}


def test_no_gpu_here_is_said_clearly(monkeypatch):
    monkeypatch.setattr(view, "_NVIDIA", ())
    monkeypatch.setattr(view, "_WSL", ())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "77")
    with pytest.raises(WallError, match="no GPU"):
        view.launch_for("A", (), "cuda", "shell:serve", None)


def test_only_the_chosen_gpu_is_opened(monkeypatch):
    monkeypatch.setattr(view.Path, "exists", lambda self: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    nodes = [n for n in view._gpu_nodes() if n[-1].isdigit()]
    assert nodes == ["/dev/nvidia3"]


def test_a_device_behind_the_wall_can_be_used(monkeypatch):
    """A stand-in for a GPU's node: a device that is not among the usual ones."""
    monkeypatch.setattr(view, "_gpu_nodes", lambda: ("/dev/tty",))
    with Wall("A", (), "cuda", serve="shell:serve", library=LIBRARY) as wall:
        shell = Shell(wall.open(LIMITS))
        assert shell.run("import os; answer = os.path.exists('/dev/tty')") == "True"
        assert shell.run("import os; answer = bool(os.listdir('/sys/bus'))") == "True"
        assert shell.run("import resource as r; answer = r.getrlimit(r.RLIMIT_DATA)[0]") == "-1"
