"""A hostile tree: what is copied, what is refused, and that nothing outside is ever read."""

import hashlib
import os
import socket
from pathlib import Path

import pytest

from grader.errors import UsageError
from grader.submission import beneath, snapshot

SOLUTION = "exercises/sampling/solution.py"


@pytest.fixture(params=["openat2", "stepwise"], autouse=True)
def both_ways(request, monkeypatch):
    if request.param == "stepwise":
        monkeypatch.setattr(beneath, "_syscall", lambda: None)


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "ann"
    write(root / SOLUTION, b"x = 1\n")
    return root


def write(path, content=b""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def take(root, *exercises):
    return snapshot(root, exercises or ("sampling",))


def fatal(found):
    return [hazard.path for hazard in found.hazards if hazard.fatal]


def test_takes_python_and_pseudocode_of_the_exercises_asked_for(tree):
    folder = tree / "exercises/sampling"
    write(folder / "parts/deep/helper.py", b"h")
    write(folder / "PSEUDOCODE.md", b"p")
    write(tree / "exercises/rope/solution.py", b"r")
    for other in ("README.md", "parts/PSEUDOCODE.md", "data.bin", "x.pyc", "sitecustomize.pth", ".hidden.py"):
        write(folder / other, b"no")
    for skipped in ("tests", "public_tests", "hidden_tests", ".git", "__pycache__", ".venv"):
        write(folder / skipped / "test_x.py", b"no")
    write(tree / "conftest.py", b"no")
    found = take(tree)
    assert dict(found.files) == {
        "exercises/sampling/PSEUDOCODE.md": b"p",
        "exercises/sampling/parts/deep/helper.py": b"h",
        SOLUTION: b"x = 1\n",
    }
    assert found.hazards == ()
    assert set(take(tree, "sampling", "rope").files) == {*found.files, "exercises/rope/solution.py"}


def test_nothing_handed_in(tree, tmp_path):
    (tmp_path / "empty").mkdir()
    assert take(tree, "rope").files == take(tmp_path / "empty").files == {}
    assert take(tree, "rope").hazards == ()


def test_no_such_submission(tmp_path):
    with pytest.raises(UsageError):
        take(tmp_path / "nobody")


def test_digest_follows_paths_and_contents(tree):
    first = take(tree).digest
    assert first == take(tree).digest != hashlib.sha256().hexdigest()
    write(tree / "exercises/sampling/README.md", b"not graded")
    assert take(tree).digest == first
    write(tree / "exercises/sampling/a.py", b"")
    second = take(tree).digest
    (tree / "exercises/sampling/a.py").rename(tree / "exercises/sampling/b.py")
    assert len({first, second, take(tree).digest}) == 3


def test_digest_tells_what_was_refused_from_what_is_missing(tree):
    missing = take(tree, "rope").digest
    (tree / "exercises/rope").symlink_to(tree / "exercises/sampling")
    assert take(tree, "rope").digest != missing


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "/proc/self/environ", "../../../secret.py", "solution.py", "helper.py"]
)
def test_solution_that_is_a_link_is_fatal(tree, target):
    write(tree.parent / "secret.py", b"secret")
    write(tree / "exercises/sampling/helper.py", b"h")
    (tree / SOLUTION).unlink()
    (tree / SOLUTION).symlink_to(target)
    found = take(tree)
    assert fatal(found) == [SOLUTION]
    assert found.files == {}
    assert found.hazards[0].zh.startswith(SOLUTION)


def test_other_links_are_left_out_and_named(tree):
    write(tree.parent / "secret.py", b"secret")
    write(tree.parent / "outside/secret.py", b"secret")
    folder = tree / "exercises/sampling"
    (folder / "helper.py").symlink_to("../../../secret.py")
    (folder / "package").symlink_to("../../../outside")
    (folder / "loop").symlink_to("loop")
    found = take(tree)
    assert list(found.files) == [SOLUTION]
    assert [h.path.rsplit("/", 1)[1] for h in found.hazards] == ["helper.py", "loop", "package"]
    assert not fatal(found)


@pytest.mark.parametrize("link", ["exercises", "exercises/sampling"])
def test_a_folder_on_the_way_that_is_a_link_is_fatal(tree, link):
    real = tree.parent / "real"
    (tree / link).rename(real)
    (tree / link).symlink_to(real)
    found = take(tree)
    assert fatal(found) == ["exercises/sampling"]
    assert found.files == {}


def test_the_submission_itself_must_not_be_a_link(tree):
    (tree.parent / "bob").symlink_to(tree)
    with pytest.raises(UsageError):
        take(tree.parent / "bob")


def test_an_exercise_that_is_a_file_is_fatal(tree):
    write(tree / "exercises/rope", b"")
    assert fatal(take(tree, "rope")) == ["exercises/rope"]


def test_hard_links_are_refused(tree):
    os.link(tree / SOLUTION, tree / "exercises/sampling/copy.py")
    found = take(tree)
    assert found.files == {}
    assert fatal(found) == [SOLUTION]
    assert "hard link" in found.hazards[0].en


def test_pipes_and_sockets_are_neither_read_nor_waited_for(tree, monkeypatch):
    os.mkfifo(tree / "exercises/sampling/pipe.py")
    monkeypatch.chdir(tree / "exercises/sampling")  # the name of a socket is limited to 107 bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.py")
        found = take(tree)
    assert list(found.files) == [SOLUTION]
    assert [h.path.rsplit("/", 1)[1] for h in found.hazards] == ["pipe.py", "socket.py"]


def test_a_pipe_as_the_solution_is_fatal(tree):
    (tree / SOLUTION).unlink()
    os.mkfifo(tree / SOLUTION)
    assert fatal(take(tree)) == [SOLUTION]


def test_a_folder_called_solution_is_not_the_solution(tree):
    (tree / SOLUTION).unlink()
    write(tree / SOLUTION / "x.py")
    assert take(tree).files == {f"{SOLUTION}/x.py": b""}


@pytest.mark.parametrize(("size", "kept"), [(256 * 1024, True), (256 * 1024 + 1, False), (1 << 40, False)])
def test_file_size(tree, size, kept):
    with (tree / SOLUTION).open("wb") as file:
        file.truncate(size)
    found = take(tree)
    assert (list(found.files) == [SOLUTION]) == kept
    assert (fatal(found) == [SOLUTION]) != kept


def test_total_size(tree):
    for i in range(9):
        write(tree / f"exercises/sampling/h{i}.py", b"#" * 250 * 1024)
    found = take(tree)
    assert found.files == {}
    assert fatal(found) == ["exercises/sampling"]


def test_number_of_files(tree):
    for i in range(199):
        write(tree / f"exercises/sampling/h{i}.py")
    assert len(take(tree).files) == 200
    write(tree / "exercises/sampling/one_more.py")
    assert fatal(take(tree)) == ["exercises/sampling"]


def test_number_of_entries(tree):
    for i in range(4100):
        (tree / f"exercises/sampling/{i}.txt").touch()
    assert fatal(take(tree)) == ["exercises/sampling"]


def test_depth(tree):
    write(tree / "exercises/sampling" / "/".join("d" * 8) / "ok.py")
    assert len(take(tree).files) == 2
    write(tree / "exercises/sampling" / "/".join("e" * 60) / "deep.py")
    assert fatal(take(tree)) == ["exercises/sampling"]


def test_lfs_pointers_are_recognised(tree):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    write(tree / SOLUTION, pointer)
    found = take(tree)
    assert "LFS" in found.hazards[0].en
    assert fatal(found) == [SOLUTION]


@pytest.mark.parametrize(
    "name",
    ["a\nb.py", "a\x1b[31m.py", "a\u202eb.py", "a\u200bb.py", "e\u0301.py", b"a\xff.py", "a\u00a0b.py"],
)
def test_odd_names_are_left_out_and_shown_safely(tree, name):
    path = os.path.join(os.fsencode(tree), b"exercises/sampling", os.fsencode(name))  # noqa: PTH118
    with open(path, "wb"):  # noqa: PTH123  # a Path cannot be bytes
        pass
    found = take(tree)
    assert list(found.files) == [SOLUTION]
    (hazard,) = found.hazards
    assert hazard.path.replace("\xa0", "").isprintable()
    assert hazard.en.encode()
    assert not hazard.fatal


@pytest.mark.parametrize("other", ["Solution.py", "SOLUTION.PY.py", "ſolution.py"])
def test_names_that_differ_only_in_case_are_fatal(tree, other):
    write(tree / "exercises/sampling" / other)
    write(tree / "exercises/sampling/solution.py.py")
    found = take(tree)
    assert len(fatal(found)) == 1
    assert found.files == {}


def test_folders_that_differ_only_in_case_are_fatal(tree):
    write(tree / "exercises/sampling/lib/a.py")
    write(tree / "exercises/sampling/Lib/b.py")
    assert len(fatal(take(tree))) == 1


def test_one_exercise_does_not_spoil_another(tree):
    write(tree / "exercises/rope/solution.py", b"#" * 300_000)
    found = take(tree, "rope", "sampling")
    assert fatal(found) == ["exercises/rope/solution.py"]
    assert list(found.files) == [SOLUTION]


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_an_unreadable_solution_is_fatal(tree):
    (tree / SOLUTION).chmod(0)
    assert fatal(take(tree)) == [SOLUTION]


@pytest.mark.parametrize("path", ["../secret", "a/../b", "/etc/passwd", "a//b", "./a"])
def test_nothing_is_opened_outside(tree, path):
    write(tree.parent / "secret", b"s")
    directory = os.open(tree, os.O_RDONLY)
    try:
        with pytest.raises(OSError, match=r".*"):
            os.close(beneath.open_beneath(directory, path))
    finally:
        os.close(directory)


def test_no_descriptor_is_left_open(tree):
    (tree / "exercises/sampling/x.py").symlink_to("/etc/passwd")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        take(tree, "sampling", "rope")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
