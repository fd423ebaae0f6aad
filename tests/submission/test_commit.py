import os
import shutil
import subprocess

import pytest

from grader.submission import commit

GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always"]
HASH = "0123456789" * 4


def git(where, *arguments):
    alone = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        [*GIT, *arguments], cwd=where, env=alone, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    root = tmp_path / "ann"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    git(root, "commit", "-q", "--allow-empty", "-m", "one")
    return root


def test_a_checkout(checkout):
    assert commit(checkout) == git(checkout, "rev-parse", "HEAD") != ""


def test_packed_refs(checkout):
    git(checkout, "pack-refs", "--all")
    assert not (checkout / ".git/refs/heads/main").exists()
    assert commit(checkout) == git(checkout, "rev-parse", "HEAD")


def test_detached(checkout):
    git(checkout, "checkout", "-q", "--detach")
    assert commit(checkout) == git(checkout, "rev-parse", "HEAD")


def test_a_submodule(checkout, tmp_path):
    course = tmp_path / "course"
    course.mkdir()
    git(course, "init", "-q")
    git(course, "submodule", "add", "-q", str(checkout), "submissions/ann")
    assert (course / "submissions/ann/.git").is_file()
    assert commit(course / "submissions/ann") == git(checkout, "rev-parse", "HEAD")


def test_a_plain_folder_inside_a_repository_is_none_of_it(checkout):
    (checkout / "sub").mkdir()
    assert commit(checkout / "sub") == ""


def test_no_commit_yet(tmp_path):
    git(tmp_path, "init", "-q")
    assert commit(tmp_path) == ""


def make(root, head, **files):
    folder = root / ".git"
    folder.mkdir()
    (folder / "HEAD").write_text(head)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    "head",
    [
        "ref: ../../secret", "ref: refs/../../../secret", "ref: /etc/passwd", "ref: refs/heads/..",
        "ref: secret", "ref: refs/heads/a\nb", "ref: ", "", "x" * 40, HASH[:-1],
        HASH.upper().replace("0", "A"), "ref: refs/heads/" + "a" * 5000,
    ],
)  # fmt: skip
def test_a_hostile_head_gives_nothing(tmp_path, head):
    (tmp_path / "secret").write_text(HASH)
    make(tmp_path, head, secret=HASH)
    assert commit(tmp_path) == ""


def test_links_are_not_followed(tmp_path):
    (tmp_path / "secret").write_text(HASH)
    folder = make(tmp_path, "ref: refs/heads/main\n")
    (folder / "refs/heads").mkdir(parents=True)
    (folder / "refs/heads/main").symlink_to(tmp_path / "secret")
    assert commit(tmp_path) == ""
    (folder / "HEAD").unlink()
    (folder / "HEAD").symlink_to(tmp_path / "secret")
    assert commit(tmp_path) == ""
    shutil.rmtree(folder)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/HEAD").write_text(HASH)
    folder.symlink_to(tmp_path / "elsewhere")
    assert commit(tmp_path) == ""


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / ".git")
    assert commit(tmp_path) == ""


@pytest.mark.parametrize(
    "pointer", ["gitdir: /", "gitdir: /nowhere", "gitdir: \0", "junk", "gitdir: " + "x" * 5000, ""]
)
def test_a_hostile_pointer_gives_nothing(tmp_path, pointer):
    (tmp_path / ".git").write_text(pointer)
    assert commit(tmp_path) == ""


def test_endless_packed_refs_are_not_read(tmp_path):
    folder = make(tmp_path, "ref: refs/heads/main\n")
    with (folder / "packed-refs").open("wb") as file:
        file.write(f"{HASH} refs/heads/main\n".encode())
        file.truncate(1 << 40)
    assert commit(tmp_path) == ""


def test_nobody(tmp_path):
    assert commit(tmp_path / "nobody") == ""
