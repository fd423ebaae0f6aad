"""What a job that ran students' code may have put in the place of an artifact leads nowhere."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent.parent / ".github" / "scripts"
NAME = ".grader/pulls.json"


def member(name, kind=tarfile.REGTYPE, link="", data=b""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    return info, data


def handed_on(folder, *members, form="w", digest=""):
    """Unpack what is handed on; return how that ended."""
    path = folder / "handed-on.tar"
    with tarfile.open(path, form) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    true = hashlib.sha256(path.read_bytes()).hexdigest()
    return subprocess.run(
        [SCRIPTS / "handed-on", NAME],
        cwd=folder,
        env={**os.environ, "DIGEST": digest or true},
        capture_output=True,
        text=True,
        check=False,
    )


def entries(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")} - {"handed-on.tar"}


@pytest.fixture
def there(tmp_path):
    """A job's folder, with a file beside it that nobody may touch."""
    (tmp_path / "beside").write_text("ours")
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def test_a_named_file_is_taken_and_nothing_else(there):
    beside = [member(name, data=b"evil") for name in ("../beside", "/tmp/beside-handed-on", "submissions/x")]
    done = handed_on(there, *beside, member(NAME, data=b"{}"), member(NAME, data=b"another"))
    assert done.returncode == 0, done.stderr
    assert entries(there) == {".grader", NAME}
    assert (there / NAME).read_text() == "{}"
    assert (there.parent / "beside").read_text() == "ours"
    assert not Path("/tmp/beside-handed-on").exists()


@pytest.mark.parametrize(
    "members",
    [
        [member(NAME, tarfile.SYMTYPE, "../../beside")],
        [member(NAME, tarfile.SYMTYPE, "/etc/passwd")],
        [member("x", data=b"x"), member(NAME, tarfile.LNKTYPE, "x")],
        [member(NAME, tarfile.LNKTYPE, "/etc/passwd")],
        [member(NAME, tarfile.CHRTYPE)],
        [member(NAME, tarfile.FIFOTYPE)],
        [member(NAME, tarfile.DIRTYPE), member(f"{NAME}/a", data=b"x")],
        [member(f"./../work/{NAME}", data=b"x")],
        [member(NAME, tarfile.SYMTYPE, "../../beside"), member(NAME, data=b"evil")],
        [member(".grader", tarfile.SYMTYPE, "..")],
        [],
    ],
    ids=["link", "link out", "hard link", "hard link out", "device", "pipe", "folder", "dots", "link first",
         "link above", "nothing"],
)  # fmt: skip
def test_what_is_no_regular_file_of_that_name_is_not_taken(there, members):
    done = handed_on(there, *members)
    assert done.returncode == 1
    assert f"{NAME} is no regular file" in done.stdout
    assert entries(there) == {".grader"}
    assert (there.parent / "beside").read_text() == "ours"


@pytest.mark.parametrize("form", ["w", "w:gz"])
def test_a_huge_file_is_not_taken(there, form):
    done = handed_on(there, member(NAME, data=bytes(65 << 20)), form=form)
    assert done.returncode == 1
    assert entries(there) == {".grader"}


def test_an_archive_that_the_pull_did_not_make_is_not_opened(there):
    done = handed_on(there, member(NAME, data=b"{}"), digest="0" * 64)
    assert done.returncode == 1
    assert "is not what the job pull has handed on" in done.stdout
    assert entries(there) == set()


def test_parts_are_merged_as_the_parts_they_are(there):
    """An artifact is of one job; files in it that are called like another's are left alone."""
    files = ["results-0/part-0.jsonl", "results-0/part-1.jsonl", "results-1/part-1.jsonl",
             "part-1.jsonl", "results-0/results-1/part-1.jsonl", "results-gpu/gpu.jsonl",
             "results-7/part-7.jsonl"]  # fmt: skip
    for name in files:
        path = there / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    bin_ = there / "bin"
    bin_.mkdir()
    (bin_ / "grader").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (bin_ / "grader").chmod(0o755)
    env = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "SHARDS": json.dumps(["1/2", "2/2"])}
    done = subprocess.run(
        [SCRIPTS / "merge", "--out", "x"], cwd=there, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n--")[1:] == [
        "part\n1/2\ncpu\nresults/results-0/part-0.jsonl",
        "part\n2/2\ncpu\nresults/results-1/part-1.jsonl",
        "part\n1/1\ncuda\nresults/results-gpu/gpu.jsonl",
        "out\nx\n",
    ]
