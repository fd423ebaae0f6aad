"""Who is to blame: what a server says is its word, and what this machine lacks is seen, not believed."""

import os

import pytest

from grader.git.failures import NO_DISK, Reason, Words, explain, explain_local, heard
from grader.git.process import Git

from .kinds import FILES

LIES = {
    "no space left on device": Reason.SERVER,
    "Host key verification failed.": Reason.SERVER,
    "fatal: write error: No space left on device": Reason.SERVER,
    "x\nfatal: write error: No space left on device": Reason.SERVER,
    "x\rfatal: cannot fork() for index-pack: Resource temporarily unavailable": Reason.SERVER,
    "x\x0bfatal: Permission denied": Reason.SERVER,
    "out of memory, index-pack died of signal 24": Reason.SERVER,
    "fsck error": Reason.SERVER,
    "connection timed out": Reason.SERVER,
    "access denied or repository not exported": Reason.PRIVATE,
    "Repository not found.": Reason.PRIVATE,
    "upload-pack: not our ref 1111": Reason.GONE,
}


@pytest.mark.parametrize("how", ["error", "aborts"])
@pytest.mark.parametrize("words", LIES)
def test_an_error_of_the_server_is_the_servers(students, how, words):
    students.server.words = words
    students.enrol("ann", how, files=FILES)
    done = students.pull()
    said = students.record()["ann"]
    assert said["reason"] == LIES[words], said["message"]
    if LIES[words] is Reason.SERVER:
        assert done.returncode == 3
        assert said["blame"] == "network"
        assert "the server answers with an error of its own" in said["message"]["en"]
        assert words[:12].split("\n")[0].split("\r")[0].split("\x0b")[0] in said["message"]["zh"]


@pytest.mark.parametrize(
    "words",
    ["x no space left on device", "x\nfatal: write error: No space left on device",
     "x\nHost key verification failed.", "x\nfatal: cannot fork(): Resource temporarily unavailable"],
)  # fmt: skip
def test_what_git_repeats_is_the_servers(students, words):
    students.server.words = words
    students.enrol("ann", "garbles", files=FILES)
    students.pull()
    assert students.record()["ann"]["blame"] == "network", students.record()["ann"]["message"]


def test_what_ssh_passes_on_is_the_servers():
    git = "fatal: Could not read from remote repository.\n\nPlease make sure you have the rights\n"
    disk = "fatal: unable to create temporary file: No space left on device\n"
    for theirs in (disk, "Host key verification failed.\n"):
        refused = explain(heard(git, "", theirs), with_key=True, full=False)
        assert refused.reason is Reason.SERVER
    assert (
        explain(heard(git, "", "ERROR: Repository not found.\n"), with_key=True, full=False).reason
        == "private"
    )
    assert (
        explain(heard(git, "Host key verification failed.\n"), with_key=True, full=False).reason == "access"
    )
    assert (
        explain(
            heard(git, "git@h: Permission denied (publickey).\n", "Welcome\n"), with_key=True, full=False
        ).reason
        == "access"
    )


def test_a_full_disk_is_seen(students, monkeypatch):
    """Git says so, and a file as large as a repository may be cannot be written."""
    words = Words(("fatal: write error: No space left on device",))
    assert explain(words, with_key=False, full=True).text is NO_DISK
    assert explain(words, with_key=False, full=False).text is not NO_DISK
    assert explain_local(words, full=True).text is NO_DISK

    class Full:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def write(self, _):
            raise OSError(28, os.strerror(28))

    git = Git(students.rules)
    assert not git.is_full()
    monkeypatch.setattr("grader.git.process.tempfile.TemporaryFile", lambda **_: Full())
    assert git.is_full()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("fatal: cannot create directory: Permission denied", Reason.FAULT),
        ("error: unable to open x: Too many open files\nfatal: y", Reason.FAULT),
        ("fatal: Out of memory, malloc failed (tried to allocate 900000000 bytes)", Reason.SIZE),
        ("error: inflate: data stream error\nfatal: x", Reason.BROKEN),
        ("", Reason.BROKEN),
    ],
)
def test_what_was_fetched_is_the_repositorys(words, reason):
    assert explain_local(heard(words), full=False).reason is reason


def test_a_server_that_is_slow_is_named(students):
    manifest = students.root / "grader.yaml"
    manifest.write_text(manifest.read_text().replace("seconds: 60", "seconds: 2"))
    students.enrol("ann", "stalls", files=FILES)
    students.pull()
    said = students.record()["ann"]["message"]["en"]
    assert (
        f"http://127.0.0.1:{students.server.port} took more than 2 s to list its branches" in said
        or "too slow" in said
    )
