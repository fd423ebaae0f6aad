"""Control groups of both versions: found, limited, removed, swept."""

from pathlib import Path

import pytest

from grader.job import Limits
from grader.wall import cgroup, owner
from grader.wall.cgroup import Hierarchy, JobCgroup, find_cgroups


@pytest.fixture
def version_2(tmp_path):
    """A tree that looks like a user's session: the slice hands controllers on, the scope does not."""
    (tmp_path / "mnt/user.slice/a.scope").mkdir(parents=True)
    (tmp_path / "mnt/user.slice/cgroup.subtree_control").write_text("memory pids\n")
    (tmp_path / "mnt/user.slice/a.scope/cgroup.subtree_control").write_text("\n")
    (tmp_path / "mountinfo").write_text(f"30 23 0:26 / {tmp_path}/mnt rw - cgroup2 cgroup2 rw\n")
    (tmp_path / "cgroup").write_text("0::/user.slice/a.scope\n")
    return tmp_path


def test_version_2_uses_the_ancestor_that_hands_controllers_on(version_2):
    (found,) = cgroup._hierarchies(version_2)
    assert found == Hierarchy(
        2, frozenset({"memory", "pids", "cpu", "freezer"}), version_2 / "mnt/user.slice"
    )


def test_version_2_limits(tmp_path):
    hierarchy = Hierarchy(2, frozenset({"memory", "pids", "cpu"}), tmp_path)
    cgroup._set_limits(tmp_path, hierarchy, Limits(memory=100, scratch=28, processes=7))
    assert (tmp_path / "memory.max").read_text() == str(640 << 20)
    assert (tmp_path / "memory.swap.max").read_text() == "0"
    assert (tmp_path / "pids.max").read_text() == "7"


def test_version_2_counters(tmp_path):
    job = JobCgroup({}, Limits())
    job._directories = {tmp_path: Hierarchy(2, frozenset({"memory", "cpu"}), tmp_path)}
    (tmp_path / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1\n")
    (tmp_path / "memory.events").write_text("low 0\noom 1\noom_kill 1\n")
    assert job.cpu_seconds() == 1.5
    assert job.out_of_memory()


def test_a_mount_that_shows_a_part_of_the_hierarchy():
    assert cgroup._below(Path("/cg"), "/docker/x/y", "/docker/x") == Path("/cg/y")
    assert cgroup._below(Path("/cg"), "/y", "/") == Path("/cg/y")


def test_no_cgroups_where_nothing_is_mounted(tmp_path):
    (tmp_path / "mountinfo").write_text("")
    (tmp_path / "cgroup").write_text("")
    assert not find_cgroups(tmp_path).memory


def test_directories_of_dead_slots_are_swept():
    cgroups = find_cgroups()
    if not cgroups.controllers:
        pytest.skip("no writable cgroup")
    base = cgroups._hierarchies[0].base
    dead, living = base / "grader-999999999-1-1", base / f"{owner.prefix()}9999"
    for directory in (dead, living):
        directory.mkdir()
    cgroups.sweep()
    assert (dead.exists(), living.exists()) == (False, True)
    living.rmdir()
