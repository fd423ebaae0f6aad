"""Every kind of repository, in one pull: one clear line each, and none stops another."""

import re

import pytest

from .conftest import found_class, plain_git
from .kinds import BROKEN, ENTRIES, FILED, FILES, SERVED, SOLUTION, TOO_MANY, UPDATED, URL, URLS
from .server import GitServer


def lay_out(students):
    for how in SERVED:
        students.enrol(how, how, files=FILES)
    for name, (files, _) in FILED.items():
        students.enrol(name, files={**FILES, **files})
    for name, (url, _) in URLS.items():
        students.entry(name, url)
    for name, (path, section, more, _) in ENTRIES.items():
        students.entry(name, URL, "", path, section, more)
    lay_out_by_hand(students)


def lay_out_by_hand(students):
    students.enrol("branch", branch="main", files=FILES)
    students.enrol("no-branch", branch="final", files=FILES)
    plain_git(students.bare["dumb"].path, "update-server-info")
    students.enrol("empty")
    students.enrol("renamed").commit(FILES, branch="master")
    absolute = students.enrol("absolute")
    absolute.commit({}, tree=absolute.tree([("100644", b"/etc/x", absolute.put("blob", b"x"))]))
    tree = students.enrol("tree-bomb")
    bomb = tree.put("blob", b"x")
    for mode in ["100644"] + ["40000"] * 7:
        bomb = tree.tree([(mode, b"%d" % i, bomb) for i in range(10)])
    tree.commit({}, tree=bomb)
    refs = students.enrol("many-refs", files=FILES)
    rows = "".join(f"{refs.tip} refs/heads/b{i:06}\n" for i in range(100_000))
    (refs.path / "packed-refs").write_text(f"# pack-refs with: peeled fully-peeled sorted \n{rows}")
    students.enrol("back-dated").commit(FILES, date=1_000_000_000)
    folder = students.file("plain")
    folder.parent.mkdir(parents=True)
    folder.write_text("x = 1\n")


@pytest.fixture(scope="module")
def pulled(make_course, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "server").mkdir()
    with GitServer(folder / "server") as server:
        students = found_class(make_course(folder / "course"), server)
        lay_out(students)
        done = students.course.grader("pull", "--jobs", "16")
        yield students, done, students.lines(done)


SAID = {
    **SERVED,
    **{name: said for name, (_, said) in FILED.items()},
    **{name: rf"NOT PULLED: .*{re.escape(said)}.*" for name, (*_, said) in (*URLS.items(), *ENTRIES.items())},
    "branch": UPDATED,
    "no-branch": r"NOT PULLED: no branch 'final'; there are: main\. .*",
    "absolute": BROKEN,
    "empty": "NOT PULLED: the repository is empty: push a commit.*",
    "renamed": r"NOT PULLED: no default branch; there are: master\. .*",
    "tree-bomb": TOO_MANY,
    "many-refs": UPDATED,
    "back-dated": UPDATED,
    "plain": "a plain folder: left as it is",
}


@pytest.mark.parametrize("name", SAID)
def test_one_clear_line(pulled, name):
    _, _, lines = pulled
    assert re.fullmatch(SAID[name], lines[name]), lines[name]


def test_nothing_else_is_said_and_nothing_else_is_there(pulled):
    students, done, lines = pulled
    assert set(lines) - {"Twice"} == set(SAID)
    assert done.stderr == ""
    assert done.returncode == 4
    there = {path.name for path in (students.root / "submissions").iterdir()}
    assert there == {"plain", *(name for name, pull in students.record().items() if pull["commit"])}
    assert not [path for path in students.root.rglob("*") if "pwned" in path.name or "escaped" in path.name]


def test_no_link_is_made_and_bytes_are_those_of_the_commit(pulled):
    students, _, _ = pulled
    submissions = students.root / "submissions"
    assert not [path for path in submissions.rglob("*") if path.is_symlink()]
    assert students.file("attributes").read_bytes() == FILES[SOLUTION].encode()
    assert students.file("links", "a").read_text() == "/etc/passwd"
    assert not (submissions / "case" / "run.py").exists()
    assert students.file("case").exists()


def test_only_the_servers_of_the_students_were_asked(pulled):
    students, _, _ = pulled
    assert not students.server.asked("/ok/moved.git")
    assert len(students.server.asked("/down/")) == 3  # tried again, and again
    assert len(students.server.asked("/private/private.git/info/refs")) == 1
    assert {token for _, token in students.server.requests} == {None}


def test_it_is_an_ordinary_submodule_for_git(pulled):
    students, _, _ = pulled
    folder = students.root / "submissions" / "ok"
    assert plain_git(folder, "status", "--porcelain") == ""
    assert plain_git(folder, "rev-parse", "HEAD").strip() == students.bare["ok"].tip
    assert plain_git(folder, "rev-parse", "--git-dir").strip().endswith(".git/modules/submissions/ok")
    assert plain_git(students.root / "submissions" / "links", "status", "--porcelain") == ""


def test_what_failed_leaves_nothing_behind(pulled):
    students, _, _ = pulled
    modules = students.root / ".git" / "modules" / "submissions"
    left = [
        path
        for name in ("dies", "huge", "badpack")
        for path in (modules / name).rglob("*pack*")
        if path.is_file()
    ]
    assert left == []


def test_the_record_says_who_has_to_do_something(pulled):
    students, _, _ = pulled
    record = students.record()
    blames = {name: record[name]["blame"] for name in ("private", "empty", "huge", "down", "ext", "ok")}
    assert blames == {
        "private": "student", "empty": "student", "huge": "student", "down": "network",
        "ext": "course", "ok": "",
    }  # fmt: skip
    assert record["ok"]["history"] == [{"commit": students.bare["ok"].tip, "at": record["ok"]["fetched"]}]
    assert record["private"]["message"]["zh"].startswith("找不到该仓库")
