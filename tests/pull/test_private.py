"""Private repositories: tokens and keys come from the environment, and go to nobody who must not see them."""

import base64
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from grader.course import read_course
from grader.errors import ContentError
from grader.git.address import read_address
from grader.git.process import Children, towards

from .conftest import FOR_EVER, processes, started
from .kinds import FILES, PRIVATE
from .server import TOKEN, GitServer

SECRETS = (TOKEN, base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode())
KEY, HOSTS = "GRADER_SSH_KEY", "GRADER_SSH_KNOWN_HOSTS"


def test_a_token_opens_what_is_private_and_is_left_nowhere(students):
    students.enrol("ann", "private", files=FILES)
    done = students.pull(GRADER_GIT_TOKEN=TOKEN)
    assert done.returncode == 0
    assert students.file("ann").exists()
    for path in (path for path in students.root.rglob("*") if path.is_file()):
        assert not any(secret.encode() in path.read_bytes() for secret in SECRETS), path
    assert not any(secret in done.stdout + done.stderr for secret in SECRETS)


def test_a_token_is_shown_to_the_servers_of_the_course_only(students):
    manifest = students.root / "grader.yaml"
    manifest.write_text(manifest.read_text().replace("http: [127.0.0.1]", "http: [127.0.0.1, localhost]"))
    students.enrol("ann", files=FILES)
    elsewhere = students.server.url("ann").replace("127.0.0.1", "localhost")
    students.entry("bob", elsewhere.replace("/ok/", "/slow/"))
    students.enrol("cem", "moved", files=FILES)
    students.pull(GRADER_GIT_TOKEN=TOKEN)
    shown = {path.split("/")[1] for path, header in students.server.requests if header}
    assert shown == {"ok", "moved"}
    assert students.server.asked("/slow/")
    assert not students.server.asked("/ok/cem.git")  # where the other server wanted to send it


def test_a_token_is_shown_to_no_other_port(students):
    """Whoever can write there may not be who runs the course's server."""
    students.enrol("ann", files=FILES)
    with GitServer(students.server.folder) as other:
        students.entry("bob", other.url("ann"))
        students.pull(GRADER_GIT_TOKEN=TOKEN)
        assert other.requests
        assert {header for _, header in other.requests} == {None}
    assert any(header for _, header in students.server.requests)


@pytest.mark.parametrize(
    ("token", "url", "shown"),
    [
        ("git.campus", "https://git.campus/a/b", True),
        ("git.campus", "https://Git.Campus:443/a/b", True),
        ("git.campus", "https://git.campus:8443/a/b", False),
        ("git.campus", "http://git.campus/a/b", False),
        ("git.campus", "http://git.campus:443/a/b", False),
        ("git.campus", "ssh://git@git.campus:443/a/b", False),
        ("git.campus", "https://www.git.campus/a/b", False),
        ("git.campus:8443", "https://git.campus:8443/a/b", True),
        ("git.campus:8443", "https://git.campus/a/b", False),
        ("http://git.campus:8080", "http://git.campus:8080/a/b", True),
        ("http://git.campus:8080", "https://git.campus:8080/a/b", False),
        ("http://git.campus", "http://git.campus/a/b", True),
        ("https://[2606:4700::1]:8443/", "https://[2606:4700::1]:8443/a/b", True),
    ],
)
def test_scheme_host_and_port_are_the_permission(course, monkeypatch, token, url, shown):
    monkeypatch.setenv("GRADER_GIT_TOKEN", TOKEN)
    manifest = course.root / "grader.yaml"
    manifest.write_text(f'{manifest.read_text()}pull: {{http: [git.campus], token: ["{token}"]}}\n')
    rules = read_course(course.root).pull
    address = read_address(url, rules)
    assert bool(towards(address, "x", course.root, rules, Children()).secrets) is shown


@pytest.mark.parametrize(
    "token", ["ssh://git.campus", "git.campus/path", "git.campus:x", "me@git.campus", "*"]
)
def test_what_is_no_server_gets_no_token(course, token):
    manifest = course.root / "grader.yaml"
    manifest.write_text(f'{manifest.read_text()}pull: {{token: ["{token}"]}}\n')
    with pytest.raises(ContentError, match="is no server"):
        read_course(course.root)


def test_a_token_is_in_no_list_of_processes(students):
    students.enrol("ann", "stalls", files=FILES)
    child = started(students.course.command("pull"), env={**os.environ, "GRADER_GIT_TOKEN": TOKEN})
    students.server.until_asked("/stalls/")
    listed = processes()
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=FOR_EVER)
    assert any(b"git-remote-http" in line or b"remote-http" in line for line in listed)
    assert not any(secret.encode() in line for line in listed for secret in SECRETS)


def test_a_token_that_is_refused_is_the_courses_fault(students):
    students.enrol("ann", "private", files=FILES)
    done = students.pull(GRADER_GIT_TOKEN="expired")
    assert done.returncode == 3
    assert "the server refuses the course's token or key" in students.lines(done)["ann"]


@pytest.fixture
def ssh(students, tmp_path):
    """An SSH server for the students' repositories; its port, and the folder of keys."""
    if shutil.which("ssh") is None:
        pytest.skip("no ssh client on this machine")
    keys = tmp_path / "keys of 100%h"  # ssh would expand it
    keys.mkdir()
    command = [
        sys.executable,
        str(Path(__file__).with_name("ssh_server.py")),
        str(students.server.folder),
        str(keys),
    ]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    port = int(server.stdout.readline())
    yield port, keys
    server.kill()
    server.communicate()


def test_ssh(students, ssh):
    port, keys = ssh
    students.enrol("ann", files=FILES)
    students.enrol("bob", files=FILES)
    (students.root / ".gitmodules").unlink()
    for name in ("ann", "bob", "missing"):
        students.entry(name, f"ssh://git@127.0.0.1:{port}/{name}.git")
    known = {HOSTS: str(keys / "known_hosts")}
    lines = students.lines(students.pull(**{KEY: str(keys / "known")}, **known))
    assert lines["ann"].startswith("updated")
    assert lines["bob"].startswith("updated")
    assert lines["missing"].startswith(PRIVATE[:40])
    second = students.bare["ann"].commit({**FILES, "new.py": "1\n"})
    keys.joinpath("ann").write_bytes((keys / "known").read_bytes())  # a deploy key for each student
    keys.joinpath("bob").write_bytes((keys / "stranger").read_bytes())
    for name in ("ann", "bob"):
        keys.joinpath(name).chmod(0o600)
    done = students.pull("ann", "bob", **{KEY: str(keys)}, **known)
    assert done.returncode == 3
    assert students.record()["ann"]["commit"] == second
    assert "the server refuses the course's token or key" in students.lines(done)["bob"]
    (keys / "known_hosts").write_text("")
    done = students.pull("ann", **{KEY: str(keys)}, **known)
    assert done.returncode == 3
    assert "host key of the server is not known" in students.lines(done)["ann"]
