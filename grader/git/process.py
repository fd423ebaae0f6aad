"""Run git as if all that it meets were hostile: no configuration but ours, no prompt, bounded."""

from __future__ import annotations

import base64
import os
import re
import shlex
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from grader.course import PullRules
from grader.errors import UsageError
from grader.git.address import Address
from grader.git.failures import Refused, explain, fault, network
from grader.sanitise import line

TOKEN = "GRADER_GIT_TOKEN"  # noqa: S105  # the name of the variable
KEY = "GRADER_SSH_KEY"  # a private key, or a folder of keys named after submissions
KNOWN_HOSTS = "GRADER_SSH_KNOWN_HOSTS"

_OLDEST = (2, 31)
_MEMORY = 1 << 20  # KiB of address space of one git process
_ANSWER = 16 << 20  # bytes that git may print
_STALLED = 20  # seconds without data after which a transfer is given up
# Set by the shell, before git starts: inherited by everything that git starts.
_BOUNDED = 'ulimit -c 0; ulimit -f "$1"; ulimit -v "$2" 2>/dev/null; ulimit -t "$3"; shift 3; exec git "$@"'
_PASSED_ON = (
    "PATH", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy",
    "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy",
)  # fmt: skip
_SETTINGS = {
    "core.attributesFile": os.devnull,
    "core.autocrlf": "false",
    "core.bigFileThreshold": "1m",  # what is larger is streamed, never held in memory
    "core.excludesFile": os.devnull,
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "core.symlinks": "false",
    "credential.helper": "",
    "fetch.fsckObjects": "true",
    "fetch.recurseSubmodules": "false",
    "fetch.unpackLimit": "1",  # one pack, whose size the limit on files bounds
    "gc.auto": "0",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "100",
    "maintenance.auto": "false",
    "pack.threads": "1",
    "protocol.version": "2",
    "safe.directory": "*",  # the course may belong to another user than the one in a container
    "submodule.recurse": "false",
}


@dataclass(frozen=True, slots=True)
class Done:
    """How a git process ended."""

    code: int
    out: bytes
    words: str  # what it wrote to stderr


class Children:
    """The git processes at work, so that an interrupted pull leaves none of them behind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[int] = set()
        self._stopped = False

    def wait(self, child: subprocess.Popen[bytes], seconds: float) -> bool:
        """Wait for the end of a process; False where it, and all that it started, had to be killed."""
        with self._lock:
            self._running.add(child.pid)
            if self._stopped:
                _kill(child.pid)
        late = threading.Event()

        def end() -> None:
            late.set()
            _kill(child.pid)

        timer = threading.Timer(seconds, end)
        timer.start()
        _await_end(child)
        timer.cancel()
        timer.join()
        with self._lock:
            self._running.discard(child.pid)
            _kill(child.pid)  # what it may have left
        child.wait()
        return not late.is_set()

    def stop(self) -> None:
        """End all of them, and whatever is started later."""
        with self._lock:
            self._stopped = True
            for pid in self._running:
                _kill(pid)


@dataclass(frozen=True, slots=True)
class Git:
    """Runs git for one repository, until its time is used up.

    `secrets` are settings that must not be seen in a list of processes: they travel in the environment.
    """

    rules: PullRules
    git_dir: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    deadline: float = float("inf")
    children: Children = field(default_factory=Children)

    def run(
        self, *arguments: str, stdin: bytes = b"", most: int = _ANSWER, into: IO[bytes] | None = None
    ) -> Done:
        """Run one command to its end; what it writes, into any one file, is at most `most` bytes.

        With `into`, what it prints goes there and is not read.
        """
        left = min(self.deadline - time.monotonic(), self.rules.seconds)
        if left <= 0:
            raise network(f"more than {self.rules.seconds:g} s")
        limits = [str(-(-most // 512)), str(_MEMORY), str(max(1, int(self.rules.seconds)))]
        # The folder with the student's files is named only where it is meant.
        where = [f"--git-dir={self.git_dir}", f"--work-tree={self.git_dir}"] if self.git_dir else []
        command = ["/bin/sh", "-c", _BOUNDED, "git", *limits, "--no-replace-objects", *where, *arguments]
        with ExitStack() as files:
            given, out, err = (files.enter_context(tempfile.TemporaryFile()) for _ in range(3))
            given.write(stdin)
            given.seek(0)
            try:
                child = subprocess.Popen(
                    command, stdin=given, stdout=into or out, stderr=err, env=self._environment(),
                    cwd=self.git_dir or "/", start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise fault(f"cannot start git: {error.strerror}") from error
            if not self.children.wait(child, left):
                raise network(f"no end after {left:.0f} s")
            out.seek(0)
            err.seek(0)
            return Done(child.returncode, out.read(most), err.read(1 << 16).decode("utf-8", "replace"))

    def refusal(self, done: Done) -> Refused:
        """Say why a command failed."""
        with_key = bool(self.secrets) or "GIT_SSH_COMMAND" in self.environment
        return explain(done.words, with_key=with_key)

    def _environment(self) -> dict[str, str]:
        settings = {
            **_SETTINGS,
            "http.lowSpeedTime": str(max(1, int(min(_STALLED, self.rules.seconds / 3)))),
            **self.secrets,
        }
        numbered = {f"GIT_CONFIG_KEY_{i}": key for i, key in enumerate(settings)}
        numbered |= {f"GIT_CONFIG_VALUE_{i}": value for i, value in enumerate(settings.values())}
        return {
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            "LC_ALL": "C",
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_ASKPASS": "false",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": str(len(settings)),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "HOME": os.devnull,  # no .netrc
            "SSH_ASKPASS": "false",
            **numbered,
            **self.environment,
        }


def towards(address: Address, name: str, git_dir: Path, rules: PullRules, children: Children) -> Git:
    """Return a git that may talk to one address, with the token or key that this address is to be shown."""
    environment = {"GIT_ALLOW_PROTOCOL": address.scheme}
    if address.scheme == "ssh":
        environment |= {"GIT_SSH_COMMAND": _ssh(name), "GIT_SSH_VARIANT": "ssh"}
    return Git(rules, git_dir, environment, _header(address, rules), children=children)


def require_git() -> None:
    """Raise UsageError where git is missing, or too old to take its settings from the environment."""
    if os.name != "posix":
        raise UsageError("submissions are pulled on Linux or macOS; on Windows use WSL 2")
    try:
        said = subprocess.run(["git", "version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        raise UsageError("git is not installed; submissions are pulled with it") from None
    found = re.search(r"(\d+)\.(\d+)", said)
    if not found or (int(found[1]), int(found[2])) < _OLDEST:
        raise UsageError(f"git {'.'.join(map(str, _OLDEST))} or newer is needed; here is {line(said)}")


def _header(address: Address, rules: PullRules) -> dict[str, str]:
    token = os.environ.get(TOKEN, "")
    if not token or address.host not in rules.token or address.scheme == "ssh":
        return {}
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return {f"http.{address.server}/.extraHeader": f"Authorization: Basic {basic}"}


def _ssh(name: str) -> str:
    options = ["BatchMode=yes", "ConnectTimeout=15", "ForwardAgent=no", "PermitLocalCommand=no",
               "ClearAllForwardings=yes", "ServerAliveInterval=5", "ServerAliveCountMax=4"]  # fmt: skip
    if key := os.environ.get(KEY):
        path = Path(key) / name if Path(key).is_dir() else Path(key)
        options += [f"IdentityFile={_quoted(path)}", "IdentitiesOnly=yes"]
    if known := os.environ.get(KNOWN_HOSTS):
        options.append(f"UserKnownHostsFile={_quoted(Path(known))}")
    return shlex.join(["ssh", *(part for option in options for part in ("-o", option))])


def _quoted(path: Path) -> str:
    """Return a path as ssh reads it in settings, where blanks separate and % stands for something."""
    return f'"{path.resolve()}"'.replace("%", "%%")


def _await_end(child: subprocess.Popen[bytes]) -> None:
    """Wait, without polling, and leave the process to be reaped: until then its number is not taken again."""
    if hasattr(os, "waitid"):  # not on every macOS
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    else:
        child.wait()


def _kill(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS says so of a group that has ended
        os.killpg(group, signal.SIGKILL)
