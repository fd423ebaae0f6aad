"""Run git as if all that it meets were hostile: no configuration but ours, no prompt, bounded."""

from __future__ import annotations

import base64
import errno
import math
import os
import re
import shlex
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache
from pathlib import Path
from typing import IO

from grader.course import PullRules
from grader.errors import UsageError
from grader.git.activity import Activity
from grader.git.address import Address
from grader.git.failures import (
    TOO_MUCH_WORK,
    Reason,
    Refused,
    Words,
    explain,
    explain_local,
    fault,
    heard,
    network,
    too_many_bytes,
    too_slow,
)
from grader.sanitise import line

TOKEN = "GRADER_GIT_TOKEN"  # noqa: S105  # the name of the variable
KEY = "GRADER_SSH_KEY"  # a private key, or a folder of keys named after submissions
KNOWN_HOSTS = "GRADER_SSH_KNOWN_HOSTS"
_SSH_LOG, _SSH_SAID = "GRADER_SSH_LOG", "GRADER_SSH_SAID"  # files of one command

_OLDEST = (2, 31)
_MEMORY = 512 << 10  # KiB of address space of one git process, and thrice what a repository may have
_ANSWER = 16 << 20  # bytes that git may print
_WORDS = 1 << 16  # bytes of what is said that are read
_STALLED = 20  # seconds without data after which a transfer is given up
_TICK = 1.0  # seconds between two looks at a process that takes long
_WORK = 0.25  # CPU seconds that a repository may cost here, for each second that its server may take
# Set by the shell, before git starts: inherited by everything that git starts. Beside it waits a process that
# ends the group when the other end of a pipe, which only the grader has, is closed: also by a kill.
_BOUNDED = (
    'ulimit -c 0; ulimit -f "$1"; ulimit -v "$2" 2>/dev/null; ulimit -S -t "$3"; ulimit -H -t "$4"; '
    '(read -r _ <"$5"; kill -KILL 0) & shift 5; exec git "$@"'
)
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
    "core.logAllRefUpdates": "false",  # else what was rewritten would be kept for ever
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


class Budget:
    """The seconds that one repository may still take: of waiting for its server, and of work on what it sent.

    Only what nobody could use is waiting: neither did its processes run nor did others keep them from it.
    """

    def __init__(self, seconds: float, *, patient: bool = True) -> None:
        self.patient = patient  # whether what failed because of the network is tried again
        self.waiting = seconds
        self.work = max(1.0, seconds * _WORK)


class Ended(Enum):
    """How a process came to its end."""

    BY_ITSELF = auto()
    WAITING = auto()  # killed, as it had waited too long
    WORKING = auto()  # killed, as it had cost too much


@dataclass(frozen=True, slots=True)
class Done:
    """How a git process ended, and what it has written itself."""

    command: str
    code: int
    out: bytes
    said: Words
    ended: Ended = Ended.BY_ITSELF

    @property
    def words(self) -> str:
        """What git itself said."""
        return "\n".join(self.said.git)

    @property
    def cut(self) -> bool:
        """Whether it wrote more than it may."""
        return self._ended_by(signal.SIGXFSZ)

    @property
    def overworked(self) -> bool:
        """Whether it used up the time that work may take."""
        return self.ended is Ended.WORKING or self._ended_by(signal.SIGXCPU)

    def _ended_by(self, number: signal.Signals) -> bool:
        return self.code in (-number, 128 + number)


class Children:
    """The git processes at work, so that an interrupted pull leaves none of them behind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[int] = set()
        self._stopped = threading.Event()

    def wait(self, child: subprocess.Popen[bytes], budget: Budget) -> Ended:
        """Wait for the end of a process, or end it, and all that it started, when its budget is used up."""
        with self._lock:
            self._running.add(child.pid)
            if self._stopped.is_set():
                _kill(child.pid)
        over, activity = threading.Event(), Activity(child.pid)
        how = Ended.BY_ITSELF

        def look() -> None:
            nonlocal how
            while not over.wait(min(_TICK, max(0.01, budget.waiting - activity.waited))):
                activity.look()
                if activity.waited >= budget.waiting:
                    how = Ended.WAITING
                elif activity.worked >= budget.work:
                    how = Ended.WORKING
                else:
                    continue
                _kill(child.pid)
                return

        watch = threading.Thread(target=look, daemon=True)
        watch.start()
        _await_end(child)
        over.set()
        watch.join()
        with self._lock:
            self._running.discard(child.pid)
            _kill(child.pid)  # what it may have left
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        budget.waiting -= activity.waited
        budget.work -= max(used.ru_utime + used.ru_stime, activity.worked)
        return how

    def pause(self, seconds: float) -> bool:
        """Wait; return at once, and say so, when all is to end."""
        return self._stopped.wait(seconds)

    def stop(self) -> None:
        """End all of them, and whatever is started later."""
        with self._lock:
            self._stopped.set()
            for pid in self._running:
                _kill(pid)


@dataclass(frozen=True, slots=True)
class Git:
    """Runs git for one repository, until its time is used up.

    `secrets` are settings that must not be seen in a list of processes: they travel in the environment.
    `server` is what it talks to, `pins` what its name stands for. Without a budget each command has its own.
    """

    rules: PullRules
    git_dir: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    server: str = ""
    pins: str = ""
    budget: Budget | None = None
    children: Children = field(default_factory=Children)

    def run(
        self, *arguments: str, stdin: bytes = b"", most: int = _ANSWER, into: IO[bytes] | None = None
    ) -> Done:
        """Run a command on what is here; what it writes, into any one file, is at most `most` bytes.

        With `into`, what it prints goes there and is not read. Raises Refused where it comes to no end.
        """
        budget = Budget(self.rules.seconds)  # no server has a part in its waiting
        if self.budget:
            budget.work = self.budget.work
        done = self._run(arguments, budget, stdin, most, into)
        if self.budget:
            self.budget.work = budget.work
        if done.ended is Ended.WAITING:
            raise fault(f"`git {arguments[0]}` has waited for more than {self.rules.seconds:g} s here")
        if done.overworked:
            raise Refused(Reason.SIZE, TOO_MUCH_WORK)
        return done

    def ask(self, *arguments: str, most: int = _ANSWER) -> Done:
        """Run a command that asks the server. Raises Refused where the server lets it wait."""
        done = self._run(arguments, self.budget or Budget(self.rules.seconds), b"", most, None)
        if done.ended is Ended.WAITING:
            raise too_slow(self.server, self.rules.seconds, listing=arguments[0] == "ls-remote")
        return done

    def refusal(self, done: Done) -> Refused:
        """Say why a command failed."""
        if done.ended is Ended.WORKING and done.command == "fetch":
            return Refused(Reason.SIZE, TOO_MUCH_WORK)
        full = done.said.of_space and self.is_full()
        if done.command not in ("ls-remote", "fetch"):
            if done.cut:
                return too_many_bytes(self.rules.megabytes)
            return explain_local(done.said, full=full)
        with_key = bool(self.secrets) or "GIT_SSH_COMMAND" in self.environment
        refused = explain(done.said, with_key=with_key, full=full)
        endless = done.cut or done.overworked or refused.reason is Reason.SIZE
        if endless and done.command == "ls-remote":
            return network(f"{self.server}: its list of branches has no end")
        if done.overworked:
            return network(f"{self.server}: its answer has no end")
        if done.command == "fetch" and refused.reason is Reason.NETWORK and "too slow" in done.words:
            return too_slow(self.server, self.stalled, listing=False)
        return refused

    @property
    def stalled(self) -> int:
        """The seconds without data after which a transfer is given up."""
        return max(1, int(min(_STALLED, self.rules.seconds / 3)))

    def _run(
        self, arguments: Sequence[str], budget: Budget, stdin: bytes, most: int, into: IO[bytes] | None
    ) -> Done:
        """Run one command to its end."""
        if budget.waiting <= 0 or budget.work <= 0:
            how = Ended.WAITING if budget.waiting <= 0 else Ended.WORKING
            return Done(arguments[0], -signal.SIGKILL, b"", Words(), how)
        work = math.ceil(budget.work)
        memory = _MEMORY + 3 * math.ceil(self.rules.megabytes * 1000)
        alive = _alive()
        limits = [str(-(-most // 512)), str(memory), str(work + 1), str(work + 5), f"/dev/fd/{alive}"]
        # The folder with the student's files is named only where it is meant.
        where = [f"--git-dir={self.git_dir}", f"--work-tree={self.git_dir}"] if self.git_dir else []
        command = ["/bin/sh", "-c", _BOUNDED, "git", *limits, "--no-replace-objects", *where, *arguments]
        with ExitStack() as files:
            given, out, err = (files.enter_context(tempfile.TemporaryFile()) for _ in range(3))
            given.write(stdin)
            given.seek(0)
            environment = self._environment()
            ssh = None
            if "GIT_SSH_COMMAND" in environment:
                ssh = Path(files.enter_context(tempfile.TemporaryDirectory()))
                environment |= {_SSH_LOG: str(ssh / "log"), _SSH_SAID: str(ssh / "said")}
            try:
                child = subprocess.Popen(
                    command, stdin=given, stdout=into or out, stderr=err, env=environment, pass_fds=[alive],
                    cwd=self.git_dir or "/", start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise fault(f"cannot start git: {error.strerror}") from error
            how = self.children.wait(child, budget)
            out.seek(0)
            err.seek(0)
            words = [_text(err.read(_WORDS)), *(_read(ssh / name) for name in ("log", "said") if ssh)]
            return Done(arguments[0], child.returncode, out.read(most), heard(*words), how)

    def is_full(self) -> bool:
        """Say whether what a repository may need cannot be written here. Tried: words may be anybody's."""
        try:
            for folder in {self.git_dir or Path(tempfile.gettempdir()), Path(tempfile.gettempdir())}:
                with tempfile.TemporaryFile(dir=folder) as file:
                    for _ in range(math.ceil(self.rules.megabytes)):
                        file.write(bytes(1_000_000))
                    file.flush()
        except OSError as error:
            return error.errno in (errno.ENOSPC, errno.EDQUOT)
        return False

    def _environment(self) -> dict[str, str]:
        settings = {
            **_SETTINGS,
            "http.lowSpeedTime": str(self.stalled),
            **({"http.curloptResolve": self.pins} if self.pins else {}),
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
    return Git(rules, git_dir, environment, _header(address, rules), address.server, children=children)


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
    if not token or address.server not in rules.token:
        return {}
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return {f"http.{address.server}/.extraHeader": f"Authorization: Basic {basic}"}


def _ssh(name: str) -> str:
    options = ["BatchMode=yes", "ConnectTimeout=15", "ForwardAgent=no", "PermitLocalCommand=no",
               "ClearAllForwardings=yes", "ControlMaster=no", "ControlPath=none", "ServerAliveInterval=5",
               "ServerAliveCountMax=4"]  # fmt: skip
    if key := os.environ.get(KEY):
        path = Path(key) / name if Path(key).is_dir() else Path(key)
        options += [f"IdentityFile={_quoted(path)}", "IdentitiesOnly=yes"]
    if known := os.environ.get(KNOWN_HOSTS):
        options.append(f"UserKnownHostsFile={_quoted(Path(known))}")
    command = shlex.join(["ssh", *(part for option in options for part in ("-o", option))])
    # What ssh itself says is kept apart from what the server writes to the same stream.
    return f'{command} -E "${_SSH_LOG}" 2>>"${_SSH_SAID}"'


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


@cache
def _alive() -> int:
    """Return the end of a pipe that reads as closed when this process, which holds the other, has ended."""
    here, _held = os.pipe()
    return here


def _text(words: bytes) -> str:
    return words.decode("utf-8", "replace")


def _read(path: Path) -> str:
    with suppress(FileNotFoundError), path.open("rb") as file:
        return _text(file.read(_WORDS))
    return ""
