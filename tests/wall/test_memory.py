"""How much memory is left, told from made-up /proc and cgroup files."""

import pytest

from grader.wall.memory import available

GIB = 1 << 30


@pytest.fixture
def proc(tmp_path):
    """A machine with 8 GiB left."""
    (tmp_path / "self").mkdir()
    (tmp_path / "meminfo").write_text(
        f"MemTotal:  1 kB\nMemAvailable:  {8 * GIB // 1024} kB\nHugePages_Total: 0\n"
    )
    return tmp_path


def put_in_group(proc, kind, line, limit, used, stat):
    """Put the process into group /a/b, whose parent has a limit."""
    mount = proc / "mnt"
    (mount / "a" / "b").mkdir(parents=True)
    (proc / "self" / "mountinfo").write_text(f"30 23 0:26 / {mount} rw - {kind} {kind} rw,memory\n")
    (proc / "self" / "cgroup").write_text(f"{line}:/a/b\n")
    for (name, content), group in ((x, y) for x in (limit, used) for y in ("a", "a/b")):
        (mount / group / name).write_text(content if group == "a" or name == used[0] else "max")
    for group in ("a", "a/b"):
        (mount / group / "memory.stat").write_text(stat)


def test_the_machine_alone(proc):
    assert available(proc) == 8 * GIB


def test_a_group_above_ours_has_less_and_its_file_cache_counts_as_free(proc):
    stat = f"anon 7\ninactive_file {GIB}\nactive_file {GIB}\n"
    put_in_group(proc, "cgroup2", "0:", ("memory.max", str(5 * GIB)), ("memory.current", str(4 * GIB)), stat)
    assert available(proc) == 3 * GIB


def test_version_1(proc):
    stat = "inactive_file 5\ntotal_inactive_file 1024\ntotal_active_file 1024\n"
    limit, used = ("memory.limit_in_bytes", str(2 * GIB)), ("memory.usage_in_bytes", str(GIB))
    put_in_group(proc, "cgroup", "4:memory", limit, used, stat)
    assert available(proc) == GIB + 2048


def test_a_group_with_more_used_than_allowed_leaves_nothing(proc):
    put_in_group(proc, "cgroup2", "0:", ("memory.max", "10"), ("memory.current", "20"), "")
    assert available(proc) == 0


def test_nobody_knows_where_there_is_no_proc(tmp_path):
    assert available(tmp_path) is None
