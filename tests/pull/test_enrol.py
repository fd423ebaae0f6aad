"""Enrolling students and taking them out."""

import pytest

from .conftest import plain_git
from .kinds import FILES, SOLUTION

URL = "https://example.org/x.git"


def entries(students):
    path = students.root / ".gitmodules"
    return plain_git(students.root, "config", "-f", str(path), "--list").splitlines() if path.exists() else []


def test_enrol_pull_remove(students):
    students.enrol("ann", files=FILES)
    students.enrol("bob", files=FILES)
    (students.root / ".gitmodules").unlink()
    for name in ("ann", "bob"):
        done = students.grader("add", name, students.server.url(name), "--branch", "main")
        assert (done.returncode, done.stdout) == (0, f"enrolled: {name}\n`grader pull` fetches them\n")
    assert entries(students) == [
        f"submodule.submissions/{name}.{key}"
        for name in ("ann", "bob")
        for key in (f"path=submissions/{name}", f"url={students.server.url(name)}", "branch=main")
    ]
    assert students.pull().returncode == 0
    plain_git(students.root, "add", ".gitmodules", "submissions")
    plain_git(students.root, "submodule", "init")
    done = students.grader("remove", "ann")
    assert (done.returncode, done.stdout) == (0, "removed: ann\n")
    assert {row.split(".")[1] for row in entries(students)} == {"submissions/bob"}
    assert not (students.root / "submissions" / "ann").exists()
    assert not (students.root / ".git/modules/submissions/ann").exists()
    assert list(students.record()) == ["bob"]
    assert plain_git(students.root, "ls-files", "submissions") == "submissions/bob\n"
    assert "ann" not in (students.root / ".git/config").read_text()
    assert students.pull().returncode == 0
    assert students.grader("add", "ann", students.server.url("ann")).returncode == 0
    assert students.pull("ann").returncode == 0
    assert students.file("ann").exists()


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_whole_class(students, mark):
    table = students.root / "students.csv"
    rows = [
        ["Name", "URL", "branch", "remark"],
        ["ann", URL, "", "x"],
        ["bob", URL, "final", ""],
        ["", "", "", ""],
    ]
    rows += [["李雷", "git@example.org:lilei/llm", ""]]
    table.write_text("".join(mark.join(row) + "\r\n" for row in rows), encoding="utf-8-sig", newline="")
    done = students.grader("add", "--from", str(table))
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "enrolled: ann, bob, 李雷")
    assert "submodule.submissions/bob.branch=final" in entries(students)
    assert students.grader("add", "--from", str(table)).stdout == "nothing is new\n"
    table.write_text(f"name,url\nann,{URL}/new\nbob,{URL}\n")
    assert students.grader("add", "--from", str(table)).stdout.splitlines()[0] == "changed: ann, bob"
    assert f"submodule.submissions/ann.url={URL}/new" in entries(students)
    assert "submodule.submissions/bob.branch=final" not in entries(students)
    assert sum(row.endswith("path=submissions/ann") for row in entries(students)) == 1


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (f"name,url\nann,{URL}\n../bob,{URL}\n", "students.csv:3: a submission cannot be called"),
        ("name,url\nann,/etc\n", "students.csv:2: ann: '/etc' is no address"),
        (f"name,url,branch\nann,{URL},--x\n", "students.csv:2: ann: '--x' cannot be the name of a branch"),
        (f"name,url\nann,{URL}\nAnn,{URL}\n", "students.csv:3: Ann and ann differ only in case"),
        (f"name,url\nann,{URL}\nann,{URL}\n", "students.csv:3: ann stands there twice"),
        (f"name,url\nplain,{URL}\n", "students.csv:2: submissions/plain is a plain folder"),
        (f"name,url,branch\nann,{URL},a b\n", "students.csv:2: ann: 'a b' cannot be the name of a branch"),
        (f'name,url,branch\nann,{URL},"a\nb"\n', "cannot be the name of a branch"),
        (f"name,url\nann,{'x' * 200_000}\n", "students.csv:2: field larger than"),
        (f'name,url\n"a""b",{URL}\n', "students.csv:2: a submission cannot be called"),
        ("ann,x\n", "students.csv:1: the first line must name the columns"),
        ("", "students.csv:1: the first line must name the columns"),
        ("name,url\n李雷,x\n".encode("gb18030"), "is not UTF-8"),
    ],
)
def test_a_class_with_a_mistake_enrols_nobody(students, table, said):
    students.file("plain").parent.mkdir(parents=True)
    path = students.root / "students.csv"
    path.write_bytes(table if isinstance(table, bytes) else table.encode())
    done = students.grader("add", "--from", str(path))
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert entries(students) == []


@pytest.mark.parametrize("arguments", [[], ["ann"], ["ann", URL, "--from", __file__]])
def test_either_one_or_a_table(students, arguments):
    done = students.grader("add", *arguments)
    assert done.returncode == 2
    assert "give NAME and URL, or --from CSV" in done.stderr


def test_hosts_of_the_course(students):
    manifest = students.root / "grader.yaml"
    manifest.write_text(manifest.read_text().replace("pull: {", "pull: {hosts: [git.campus, 10.0.0.7], "))
    assert "repositories of this course are at git.campus" in students.grader("add", "ann", URL).stderr
    assert students.grader("add", "ann", "git@Git.Campus:ann/llm").returncode == 0
    assert students.grader("add", "bob", "https://10.0.0.7/bob").returncode == 0


def test_a_plain_folder_is_deleted_only_when_asked_to(students):
    students.file("plain").parent.mkdir(parents=True)
    students.file("plain").write_text("x = 1\n")
    done = students.grader("remove", "plain")
    assert done.returncode == 2
    assert "perhaps the only copy" in done.stderr
    assert students.file("plain", SOLUTION).exists()
    assert students.grader("remove", "plain", "--delete").returncode == 0
    assert not (students.root / "submissions" / "plain").exists()
    done = students.grader("remove", "plain")
    assert done.returncode == 2
    assert "no submission named 'plain'" in done.stderr


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_what_an_instructor_wrote_stays(students, end):
    path = students.root / ".gitmodules"
    ours = b'# ours\r\n[submodule "data"]\n\tpath = data\n\turl = ../data' + end
    path.write_bytes(ours)
    assert students.grader("add", "ann", URL).returncode == 0
    ours += b"" if end else b"\n"
    assert path.read_bytes().startswith(ours + b'[submodule "submissions/ann"]\n')
    assert students.grader("remove", "ann").returncode == 0
    assert path.read_bytes() == ours
