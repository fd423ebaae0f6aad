"""Git obeys nothing: no configuration, hook, helper or protocol but ours, whatever lies in its way."""

import os
import signal
import subprocess

import pytest

from grader.course import PullRules
from grader.git.address import read_address
from grader.git.failures import Reason, Refused
from grader.git.process import Children, Git, towards

from .conftest import plain_git

RULES = PullRules(http=("127.0.0.1",), seconds=10)


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """A repository, a home and a system in which everything that git could start writes a file."""
    program = tmp_path / "evil"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/pwned\n")
    program.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    plain_git(work, "init", "-q", "-b", "main")
    (work / "file").write_text("x\n")
    plain_git(work, "add", "file")
    plain_git(work, "commit", "-q", "-m", "one")
    (work / ".gitattributes").write_text("* filter=evil diff=evil\n")
    settings = (
        f"[core]\n\tfsmonitor = {program}\n\tsshCommand = {program}\n\taskPass = {program}\n"
        f'[filter "evil"]\n\tclean = {program}\n\tsmudge = {program}\n\trequired = true\n'
        f'[credential]\n\thelper = "!{program}"\n[protocol "ext"]\n\tallow = always\n'
        "[http]\n\textraHeader = Authorization: Basic eDp5\n"
    )
    with (work / ".git" / "config").open("a") as file:
        file.write(f"[core]\n\tfsmonitor = {program}\n")
    for name in ("post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc"):
        (work / ".git" / "hooks" / name).write_bytes(program.read_bytes())
        (work / ".git" / "hooks" / name).chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(settings)
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, str(home / ".gitconfig"))
    for name in ("GIT_SSH_COMMAND", "GIT_ASKPASS", "SSH_ASKPASS", "GIT_EXTERNAL_DIFF", "GIT_PROXY_COMMAND"):
        monkeypatch.setenv(name, str(program))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    return work


def pwned(work):
    return (work.parent / "pwned").exists()


def test_the_trap_works(evil):
    """Without our settings the same commands do start what lies there."""
    environment = {**os.environ, "GIT_DIR": str(evil / ".git"), "GIT_WORK_TREE": str(evil)}
    subprocess.run(["git", "status"], env=environment, capture_output=True, check=False)
    assert pwned(evil)


def test_commands_on_a_repository(evil):
    git = Git(RULES, evil / ".git")
    where = f"--work-tree={evil}"
    for command in (
        (where, "ls-files", "-z", "--modified", "--others", "--exclude-standard"),
        ("update-ref", "--no-deref", "HEAD", plain_git(evil, "--git-dir=.git", "rev-parse", "HEAD").strip()),
        ("cat-file", "commit", "HEAD"),
        ("ls-tree", "-r", "-l", "-z", "HEAD"),
        ("rev-list", "HEAD"),
    ):
        assert git.run(*command).code == 0, command
    assert not pwned(evil)


@pytest.mark.parametrize(
    "url",
    ["ext::{0}/evil", "{0}/work", "file://{0}/work", "ssh://127.0.0.1:9/x", "git://127.0.0.1:9/x", "fd::1",
     "https://127.0.0.1:9/x"],
)  # fmt: skip
def test_only_the_protocol_of_the_address(evil, url):
    """A second lock: the address was checked before."""
    git = towards(read_address("http://127.0.0.1/x", RULES), "x", evil / ".git", RULES, Children())
    done = git.run("fetch", "--", url.format(evil.parent), "main")
    assert done.code
    assert "not allowed" in done.words
    assert not pwned(evil)


def test_no_credential_is_looked_for(students, evil):
    students.enrol("ann", "private", files={"x": "1"})
    (evil.parent / "home" / ".netrc").write_text("machine 127.0.0.1 login x password y\n")
    students.pull()
    assert {header for _, header in students.server.requests} == {None}
    assert not pwned(evil)


def test_what_git_writes_is_bounded(evil):
    git = Git(RULES, evil / ".git")
    content = b"x" * 4096
    assert git.run("hash-object", "--stdin", stdin=content).code == 0
    listed = "".join(f"100644 {'1' * 40} 0\t{i}\0" for i in range(1000)).encode()
    git.run("update-index", "-z", "--index-info", stdin=listed)
    assert len(git.run("ls-files", "--stage").out) > 40_000
    done = git.run("ls-files", "--stage", most=10_240)
    assert done.code == -signal.SIGXFSZ
    assert len(done.out) <= 10_240


def test_time_is_bounded():
    git = Git(PullRules(seconds=1))
    with pytest.raises(Refused) as ended:
        git.run("-c", "alias.sleep=!sleep 60", "sleep")
    assert ended.value.reason is Reason.FAULT  # no server has a part in it


def test_after_an_interruption_nothing_is_started():
    git = Git(RULES)
    git.children.stop()
    assert git.run("-c", "alias.sleep=!sleep 60", "sleep").code < 0
