"""Names of a commit's files, also where git's own checks would have let them through."""

import pytest

from grader.course import PullRules
from grader.git.process import Git
from grader.git.tree import read_tree, write_tree

from .repositories import Bare, link

GOOD = [
    "solution.py",
    "sub/.gitignore",
    ".gitattributes",
    "a.git",
    "git-1",
    "李雷.py",
    "caf\u00e9.md",
    "a b.txt",
    "aux",
]
BAD = [
    ".git/config", ".GIT/x", "a/.git", "a/.git./x", ".git /x", "git~1", "GIT~2/x", ".git::$INDEX/x",
    ".g\u200cit/x", "..", "a/../b", ".", "cafe\u0301", "a\tb", "a\rb", "a\\b", "C:x", "end.", "end ",
    "a\u202eb", "a\u00a0b",
]  # fmt: skip


def read(tmp_path, *paths):
    bare = Bare(tmp_path / "bare.git")
    commit = bare.commit(dict.fromkeys(paths, "x"))
    git = Git(PullRules(), bare.path)
    return (git, *read_tree(git, commit))


@pytest.mark.parametrize("path", BAD)
def test_bad_names_are_left_out(tmp_path, path):
    _, entries, notes = read(tmp_path, "good", path)
    assert [entry.path for entry in entries] == ["good"]
    assert "left out" in notes[0].en


def test_good_names_are_kept(tmp_path):
    git, entries, notes = read(tmp_path, *GOOD)
    assert sorted(entry.path for entry in entries) == sorted(GOOD)
    assert notes == ()
    folder = tmp_path / "files"
    folder.mkdir()
    assert write_tree(git, entries, folder) == ()
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) == sorted(GOOD)


def test_no_write_goes_through_what_is_there(tmp_path):
    """The folder is new and ours; a link in it would still not be followed."""
    git, entries, _ = read(tmp_path, "a")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a").symlink_to(tmp_path / "outside")
    with pytest.raises(FileExistsError):
        write_tree(git, entries, tmp_path / "files")
    assert not (tmp_path / "outside").exists()


def test_a_link_is_written_as_its_target(tmp_path):
    bare = Bare(tmp_path / "bare.git")
    commit = bare.commit({"a": link("/etc/passwd"), "b": "/etc/passwd"})  # one object for both
    git = Git(PullRules(), bare.path)
    entries, notes = read_tree(git, commit)
    folder = tmp_path / "files"
    folder.mkdir()
    write_tree(git, entries, folder)
    assert [(folder / name).read_text() for name in "ab"] == ["/etc/passwd"] * 2
    assert not (folder / "a").is_symlink()
    assert [note.en for note in notes] == ["symbolic links, not followed: a; commit the files themselves"]
