"""Which hosts are of the public internet, however they are written and whatever their names stand for."""

import socket
import subprocess

import pytest

from grader.course import PullRules
from grader.git.address import is_public, read_address, read_branch
from grader.git.failures import Reason, Refused
from grader.git.servers import Servers

from .conftest import plain_git
from .kinds import FILES

PRIVATE = [
    "127.0.0.1", "127.1", "127.0.1", "0.0.0.0", "0", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1",
    "017700000001", "0177.0.0.1", "0177.1", "127.0.0.01", "10.0.0.1", "172.16.0.1", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1",
    "localhost", "a.localhost", "[::]", "[::1]", "[::127.0.0.1]", "[::7f00:1]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[::ffff:10.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::7f00:1]",
    "[64:ff9b::127.0.0.1]", "[64:ff9b::a00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:a00:1::1]",
    "[2001:0:7f00:1::1]", "[2001:db8::1]", "[3fff::1]", "[fe80::1]", "[fec0::1]", "[fc00::1]",
    "[fd00:ec2::254]", "[ff02::1]", "[100::1]", "[::8.8.8.8]",
]  # fmt: skip
PUBLIC = [
    "example.org",
    "8.8.8.8",
    "140.82.121.4",
    "[2606:4700::1111]",
    "[64:ff9b::8.8.8.8]",
    "[2002:808:808::1]",
]


@pytest.mark.parametrize("host", PRIVATE)
@pytest.mark.parametrize("url", ["https://{}/a/b", "ssh://git@{}/a/b"])
def test_private_addresses_are_refused(host, url):
    with pytest.raises(Refused, match=r"is no public host|is no address"):
        read_address(url.format(host), PullRules())


@pytest.mark.parametrize("host", PUBLIC)
def test_public_addresses_are_not(host):
    assert read_address(f"https://{host}/a/b", PullRules()).host == host


@pytest.mark.parametrize(
    "host", ["127.0.0.1.", "127。0。0。1", "①②⑦.0.0.1", "127.0.0.1%2f", "example.org:0", "example.org:65536"]
)
def test_other_spellings_are_no_address(host):
    with pytest.raises(Refused):
        read_address(f"https://{host}/a/b", PullRules())


def stands_for(monkeypatch, *ips):
    """Have every name stand for these addresses; return the ones that were connected to."""
    asked = []

    def look_up(host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ips]

    def connect(address, timeout):
        asked.append(address[0])
        return socket.socket()

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket, "create_connection", connect)
    return asked


def reach(url, rules=None):
    rules = rules or PullRules()
    return Servers(rules).reach(read_address(url, rules), lambda seconds: False)


@pytest.mark.parametrize(
    "ips", [["127.0.0.1"], ["10.1.2.3"], ["8.8.8.8", "127.0.0.1"], ["::1"], ["::ffff:10.0.0.1"],
            ["64:ff9b::7f00:1"], ["169.254.169.254"]],
)  # fmt: skip
def test_a_name_that_stands_for_a_private_address_is_refused(monkeypatch, ips):
    asked = stands_for(monkeypatch, *ips)
    with pytest.raises(Refused, match=r"localtest\.me \(.*\) is no public host") as ended:
        reach("https://localtest.me/a/b")
    assert ended.value.reason is Reason.ENTRY
    assert asked == []


def test_git_is_told_what_the_name_stands_for(monkeypatch):
    """So that it cannot stand for something else when git asks."""
    stands_for(monkeypatch, "8.8.8.8", "2606:4700::1111")
    assert reach("https://example.org/a/b") == "example.org:443:8.8.8.8,[2606:4700::1111]"
    assert reach("https://example.org:8443/a/b") == "example.org:8443:8.8.8.8,[2606:4700::1111]"


def test_a_host_that_the_course_names_may_be_anywhere(monkeypatch):
    stands_for(monkeypatch, "10.1.2.3")
    assert reach("https://git.campus/a/b", PullRules(hosts=("git.campus",))) == "git.campus:443:10.1.2.3"


def test_git_connects_to_the_pinned_address(students, monkeypatch):
    """A name that nobody else knows."""

    def look_up(host, *more, **named):
        return there("127.0.0.1" if host == "git.campus" else host, *more, **named)

    there = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    manifest = students.root / "grader.yaml"
    manifest.write_text(manifest.read_text().replace("http: [127.0.0.1]", "http: [127.0.0.1, git.campus]"))
    students.enrol("ann", files=FILES)
    students.entry("bob", students.server.url("ann").replace("127.0.0.1", "git.campus"))
    assert students.pull().returncode == 0


def test_a_proxy_looks_names_up_itself(monkeypatch):
    asked = stands_for(monkeypatch, "127.0.0.1")
    monkeypatch.setenv("https_proxy", "http://proxy.campus:3128")
    assert reach("https://example.org/a/b") == ""
    assert asked == []


def test_a_server_that_cannot_be_reached_is_tried_for_all_at_once(students):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    for number in range(20):
        students.entry(f"s{number}", f"http://127.0.0.1:{port}/s{number}.git")
    students.enrol("ann", files=FILES)
    done = students.pull()
    assert done.returncode == 3
    record = students.record()
    assert record["ann"]["outcome"] == "updated"
    assert {record[f"s{number}"]["reason"] for number in range(20)} == {"network"}


def test_repositories_that_fail_leave_others_of_their_server_alone(students):
    """Although they come first, and are many: a server that listens is given up for nobody."""
    manifest = students.root / "grader.yaml"
    manifest.write_text(manifest.read_text().replace("seconds: 60", "seconds: 6"))
    for number in range(8):
        students.enrol(f"a{number}", "stalls" if number % 2 else "down", files=FILES)
    for number in range(4):
        students.enrol(f"honest{number}", files=FILES)
    students.pull()
    assert {students.record()[f"honest{number}"]["outcome"] for number in range(4)} == {"updated"}


BRANCHES = [
    "main", "a/b", 'main"x', "a#b", "a;b", "a'b", "a`b`", "$(x)", "a%b", "a=b", "a]b", "é", "e\u0301", "分支",
    "@", "a@b", "a.b", "a-/-b", "x" * 200, "", "-x", "a..b", "a.lock", "a/.b", "a/b.lock/c", "a//b", "/a",
    "a/", "a.", "a@{b", "@{", "a b", "a~b", "a^b", "a:b", "a?b", "a*b", "a[b", "a\\b",
    "a\tb", "a\nb", "a\x7fb", ".", "..", "a\x00b",
]  # fmt: skip


@pytest.mark.parametrize("branch", BRANCHES, ids=repr)
def test_a_branch_is_what_git_says_it_is(branch):
    try:
        ours = read_branch(branch) == branch
    except Refused:
        ours = False
    ref = f"refs/heads/{branch}"
    named = (
        "\0" not in branch and subprocess.run(["git", "check-ref-format", ref], check=False).returncode == 0
    )
    assert ours is (named and not branch.startswith("-") and branch != "")


@pytest.mark.parametrize("branch", [branch for branch in BRANCHES[:18] if branch])
def test_a_branch_of_any_name_is_written_as_it_is(students, branch):
    students.enrol("ann", files=FILES)
    bob = students.enrol("bob")
    (bob.path / "refs/heads" / branch).parent.mkdir(parents=True, exist_ok=True)
    bob.commit(FILES, branch=branch)
    (students.root / ".gitmodules").unlink()
    table = students.root / "students.csv"
    quoted = branch.replace('"', '""')
    table.write_text(
        f'name,url,branch\nann,{students.server.url("ann")},\nbob,{students.server.url("bob")},"{quoted}"\n'
    )
    assert students.grader("add", "--from", str(table)).returncode == 0
    listed = plain_git(
        students.root, "config", "-f", ".gitmodules", "--get", "submodule.submissions/bob.branch"
    )
    assert listed == f"{branch}\n"
    done = students.pull()
    assert done.returncode == 0, done.stdout
    fetch = plain_git(students.root / "submissions/bob", "config", "remote.origin.fetch")
    assert fetch == f"+refs/heads/{branch}:refs/remotes/origin/{branch}\n"
    assert students.grader("add", "bob", students.server.url("bob"), "--branch", "main").returncode == 0
    assert "a.b" not in plain_git(students.root, "config", "-f", ".gitmodules", "--list")


def test_what_git_would_read_otherwise_is_not_written(students, monkeypatch):
    students.enrol("ann", files=FILES)
    before = (students.root / ".gitmodules").read_bytes()
    monkeypatch.setattr("grader.git.modules.quoted", lambda value: f'"{value}"')
    done = students.grader("add", "bob", students.server.url("bob"), "--branch", 'main"x')
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert (students.root / ".gitmodules").read_bytes() == before


def test_is_public_knows_scopes():
    assert not is_public("fe80::1%eth0")
