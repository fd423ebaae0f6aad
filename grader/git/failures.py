"""Why a repository could not be pulled: git's many words, turned into one clear line in both languages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from grader.job import Text
from grader.sanitise import line


class Reason(StrEnum):
    """What went wrong. `BLAME` says at whose end."""

    PRIVATE = "private"  # or deleted, or never there: a server does not say which
    BRANCH = "no-branch"
    EMPTY = "empty"
    SIZE = "too-large"
    BROKEN = "broken"  # objects that git refuses
    GONE = "gone"  # a commit that the server no longer has
    MOVED = "moved"  # the server redirects
    NOT_GIT = "not-git"
    NETWORK = "network"
    SERVER = "server"  # it answers, with an error of its own
    ACCESS = "access"  # the course's own token or key
    ENTRY = "entry"  # .gitmodules is wrong
    IN_THE_WAY = "in-the-way"  # files in submissions/ that would be lost
    FAULT = "fault"  # this machine or this program


class Blame(StrEnum):
    """Who has to do something about it."""

    STUDENT = "student"
    COURSE = "course"
    NETWORK = "network"  # nobody: it may pass


_STUDENT = (
    Reason.PRIVATE, Reason.BRANCH, Reason.EMPTY, Reason.SIZE, Reason.BROKEN, Reason.GONE, Reason.MOVED,
)  # fmt: skip


def blame(reason: Reason) -> Blame:
    """Say at whose end a failure is."""
    if reason in _STUDENT:
        return Blame.STUDENT
    passing = (Reason.NETWORK, Reason.SERVER, Reason.NOT_GIT)
    return Blame.NETWORK if reason in passing else Blame.COURSE


class Refused(Exception):  # noqa: N818  # not an error of the program: it ends as data
    """One repository cannot be pulled; the others go on."""

    def __init__(self, reason: Reason, text: Text, *, unreachable: bool = False) -> None:
        self.reason, self.text = reason, text
        self.unreachable = unreachable  # the server, by whatever repository
        super().__init__(text.en)


PRIVATE: Final = Text(
    "not found, or private: make the repository public or give the grader access (and check the address)",
    "找不到该仓库，或仓库是私有的：请将仓库设为公开，或授予评测系统访问权限（并检查地址）",
)
EMPTY: Final = Text("the repository is empty: push a commit", "仓库是空的：请先推送一个提交")
MOVED: Final = Text(
    "the repository has moved: the server redirects elsewhere; give its new address",
    "仓库已迁移：服务器要求跳转；请提供新的地址",
)
NOT_GIT: Final = Text(
    "what answers there is no git repository: check the address", "该地址返回的不是 git 仓库：请检查地址"
)
TOKEN: Final = Text(
    "the server refuses the course's token or key: renew it, or give it access to this repository",
    "服务器拒绝了课程的令牌或密钥：请更换，或授予它访问该仓库的权限",
)
HOST_KEY: Final = Text(
    "the SSH host key of the server is not known here, or has changed: check it and add it to known_hosts",
    "本机不认识服务器的 SSH 主机密钥，或密钥已改变：请核对后加入 known_hosts",
)
GONE: Final = Text(
    "this commit is no longer at the server (the history was rewritten)",
    "服务器上已没有该提交（历史被改写）",
)
UNREADABLE: Final = Text("the repository is damaged or malicious", "仓库已损坏或含有恶意数据")
SHA256: Final = Text(
    "the repository names its objects by SHA-256; push to one of git's default format",
    "仓库使用 SHA-256 对象格式；请推送到 git 默认格式的仓库",
)
TOO_MUCH_WORK: Final = Text(
    "too large: unpacking it takes too much work; commit code only, no data and no weights",
    "仓库过大：解包所需的计算量过大；请只提交代码，不要提交数据和权重",
)
TOO_MUCH_MEMORY: Final = Text(
    "too large: unpacking it takes too much memory; commit code only, no data and no weights",
    "仓库过大：解包所需的内存过多；请只提交代码，不要提交数据和权重",
)
LONG_MESSAGE: Final = Text(
    "too large: the commit's message is longer than 1 MB; commit again with a short one",
    "提交信息过大：超过 1 MB；请用较短的信息重新提交",
)
TOO_MANY_FOLDERS: Final = Text(
    "too large: too many folders, nested too deep or with too long names; commit the exercises' code only",
    "仓库过大：文件夹过多、嵌套过深或名称过长；请只提交练习代码",
)
NO_DISK: Final = Text("no space left on this machine", "本机磁盘空间不足")

_SPACE = re.compile(r"no space left on device|disk quota exceeded|out of diskspace", re.IGNORECASE)
_MACHINE = re.compile(
    r"(?:permission denied|read-only file system|too many open files|resource temporarily unavailable"
    r"|input/output error|operation not permitted|cannot fork.*|unable to fork.*|is not a git command.*)$",
    re.IGNORECASE,
)
_HOST_KEY = re.compile(
    "host key verification failed|host key is known|host identification has changed", re.IGNORECASE
)
# The first of which a phrase is found in what git said. More telling ones stand first: git adds "hung up" and
# the like to most of them.
_SIGNS: Final = (
    (Reason.ACCESS, TOKEN, (
        r"permission denied \(", "invalid credentials", "authentication failed",
        "could not read (?:username|password)",
    )),
    (Reason.PRIVATE, PRIVATE, (
        "repository.* not found", "error: 40[134]", "does not exist", "access denied",
        "repository unavailable", "does not appear to be a git repository",
    )),
    (Reason.MOVED, MOVED, ("update url base from redirection", r"error: 3\d\d")),
    (Reason.GONE, GONE, ("not our ref", "no such remote ref", "unadvertised object")),
    (Reason.SIZE, TOO_MUCH_WORK, (r"(?:index-pack|rev-list|unpack-objects) died of signal 24",)),
    (Reason.SIZE, TOO_MUCH_MEMORY, ("out of memory", "mmap failed", "cannot allocate memory")),
    (Reason.BROKEN, UNREADABLE, (
        "fsck error", r"object [0-9a-f]{40}: \w+: ", r"(?:index-pack|rev-list|unpack-objects) died of signal",
    )),
    (Reason.NETWORK, None, (
        "could(?: not|n't) (?:resolve|connect)", "failed to connect", "name or service not known",
        "temporary failure in name resolution", "connection (?:refused|reset|timed out|closed)",
        "no route to host", "network is unreachable", "operation too slow", "timed out", "timeout",
        r"error: (?:429|5\d\d)", "ssl", "tls", "early eof", "closed by remote host",
        "unexpected disconnect", "hung up",
        "transfer closed", "partial file", "empty reply", "(?:recv|send) failure", "http/2 stream",
        r"curl \d+", "broken pipe", "expected flush after", "died of signal",
    )),
    (Reason.BROKEN, UNREADABLE, (
        "inflate", "bad object", "index-pack failed", "invalid index-pack output", "pack has",
        "pack is corrupted", "unresolved deltas", "sha1 mismatch", "invalid .*object",
    )),
    (Reason.NOT_GIT, NOT_GIT, (
        "not valid: is this a git repository", "bad line length", "protocol error", "invalid pkt",
        "dumb http transport", "expected .* got", "unknown object format", "invalid response",
        "unable to parse", "invalid ls-refs", "info/refs", "expected .* received", "invalid server response",
    )),
    (Reason.PRIVATE, None, ("could not read from remote repository",)),  # nor is more known
)  # fmt: skip
_UNREACHABLE = re.compile(
    "could(?: not|n't) (?:resolve|connect)|failed to connect|name or service not known|no route to host"
    "|temporary failure in name resolution|connection (?:refused|timed out)|network is unreachable",
    re.IGNORECASE,
)
_CERTAIN = (Reason.ACCESS, Reason.PRIVATE, Reason.MOVED, Reason.GONE, Reason.SIZE, Reason.BROKEN)
_ANSWERS: Final = (
    (Reason.GONE, GONE, re.compile("not our ref|no such ref", re.IGNORECASE)),
    (Reason.PRIVATE, PRIVATE, re.compile(
        "not (?:be )?found|does not exist|access denied|not (?:have )?permi|unauthori[sz]ed|does not appear",
        re.IGNORECASE,
    )),
)  # fmt: skip
_ADDRESS = re.compile(r" '[^']*:[^']*'")
_FSCK = re.compile(r"object [0-9a-f]+: (\w+): ([^\n]+)")
_ERROR = re.compile(r"remote error: ?(.*)")
_PROGRESS = re.compile(r"(?:Enumerating|Counting|Compressing) objects|Total \d+")
_STATUS = re.compile(r"error: (?:429|5\d\d)")  # of HTTP: it may pass
# Lines in which git repeats what was sent: what follows them may be more of the same.
_REPEATS = re.compile(
    "object [0-9a-f]{40}: |(?:got|received|unexpected) '|: got |unexpected [a-z ]*line: |protocol error"
    "|unknown object format|ls-refs response|invalid (?:un)?shallow line|(?:object|shallow) (?:not )?found: "
    "|invalid server response|ignoring capability",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Words:
    """What was said while git ran, by whom: git and ssh, which are ours, or the server."""

    git: tuple[str, ...] = ()
    first: str = ""  # what git said before the server could have said anything
    ssh: str = ""
    server: str = ""

    @property
    def of_space(self) -> bool:
        """Whether git says that there is no space left."""
        return any(map(_SPACE.search, self.git))


def heard(words: str, ssh: str = "", through_ssh: str = "") -> Words:
    """Tell apart who has said what.

    Git's errors are on one stream with the server's: its words stand behind `remote:`, or behind
    `remote error:`, or are repeated by git, and may have line breaks. `through_ssh` is what the server wrote
    to the errors of an ssh connection, `ssh` what ssh itself wrote.
    """
    ours: list[str] = []
    theirs: list[str] = [through_ssh]
    rows = re.split(r"[\r\n]+", words)
    for number, row in enumerate(rows):
        if error := _ERROR.search(row):
            theirs += [error[1], *rows[number + 1 :]]
            break
        if row.startswith("remote:"):
            theirs += [] if _PROGRESS.search(row) else [row.removeprefix("remote:").strip()]
        elif row.strip():
            ours.append(_ADDRESS.sub("", row))
            if _REPEATS.search(row):
                break
    first = ours[0] if ours and not rows[0].startswith("remote:") else ""
    return Words(tuple(ours), first, ssh, "\n".join(filter(None, theirs)).strip())


def explain(said: Words, *, with_key: bool, full: bool) -> Refused:
    """Turn what was said while a server was asked into a reason and a sentence.

    `with_key`: a token or key was sent. `full`: this machine has no space left; that is seen, never believed.
    """
    if full:
        return Refused(Reason.FAULT, NO_DISK)
    if _HOST_KEY.search(said.ssh):
        return Refused(Reason.ACCESS, HOST_KEY)
    own = "\n".join((*said.git, said.ssh))
    found = _sign(own)
    certain = (found and found[1] and found[0] in _CERTAIN) or _STATUS.search(own)
    if said.server and not certain:
        return _answer(said.server)
    if found is None or _MACHINE.search(said.first):
        return fault(_told(own))
    reason, text = found
    if text is TOKEN and not with_key:
        return Refused(Reason.PRIVATE, PRIVATE)
    if reason is Reason.NETWORK:
        return network(_told(own), unreachable=bool(_UNREACHABLE.search(own)))
    return broken(own) if reason is Reason.BROKEN else Refused(reason, text or PRIVATE)


def explain_local(said: Words, *, full: bool) -> Refused:
    """Say why git could not work on what has been fetched: the repository's fault, if not this machine's."""
    own = "\n".join(said.git)
    if full:
        return Refused(Reason.FAULT, NO_DISK)
    if _MACHINE.search(said.first):
        return fault(_told(own))
    if re.search("out of memory|mmap failed", own, re.IGNORECASE):
        return Refused(Reason.SIZE, TOO_MUCH_MEMORY)
    return broken(own)


def _sign(words: str) -> tuple[Reason, Text | None] | None:
    for reason, text, phrases in _SIGNS:
        if re.search("|".join(phrases), words, re.IGNORECASE):
            return reason, text
    return None


def _answer(words: str) -> Refused:
    """Pass on what a server said; understood is only that a repository or commit is not to be had."""
    for reason, text, phrase in _ANSWERS:
        if phrase.search(words):
            return Refused(reason, text)
    shown = line(words, 160)
    return Refused(
        Reason.SERVER,
        Text(
            f"the server answers with an error of its own; not the student's fault: {shown!r}",
            f"服务器返回了它自己的错误；不是学生的问题：{shown!r}",
        ),
    )


def broken(words: str) -> Refused:
    """Build what is said of objects that git refuses."""
    if fsck := _FSCK.search(words):
        detail = line(f"{fsck[1]}: {fsck[2]}", 120)
        return Refused(Reason.BROKEN, Text(f"{UNREADABLE.en} ({detail})", f"{UNREADABLE.zh}（{detail}）"))
    return Refused(Reason.BROKEN, UNREADABLE)


def network(detail: str, *, unreachable: bool = False) -> Refused:
    """Build what is said where host or network is to blame."""
    return Refused(
        Reason.NETWORK,
        Text(
            f"the host cannot be reached or does not answer as it should; not the student's fault ({detail})",
            f"无法连接主机，或主机应答异常；不是学生的问题（{detail}）",
        ),
        unreachable=unreachable,
    )


def too_slow(server: str, seconds: float, *, listing: bool) -> Refused:
    """Build what is said where the time of a repository was used up with waiting for its server."""
    if listing:
        return network(f"{server} took more than {seconds:g} s to list its branches")
    return Refused(
        Reason.NETWORK,
        Text(
            f"{server} took more than {seconds:g} s to send the commit: network or server are slow, or the "
            "repository is hard to pack",
            f"{server} 超过 {seconds:g} 秒仍未发送完提交：网络或服务器过慢，或者仓库难以打包",
        ),
    )


def too_many_bytes(megabytes: float) -> Refused:
    """Build what is said of a repository that is larger than the course allows."""
    return _too_large(Text(f"{megabytes:g} MB", f"{megabytes:g} MB"))


def too_many_files(files: float) -> Refused:
    """Build what is said of a repository that holds more files than the course allows."""
    return _too_large(Text(f"{files:g} files", f"{files:g} 个文件"))


def fault(detail: str) -> Refused:
    """Build what is said where this machine or program is to blame."""
    return Refused(
        Reason.FAULT,
        Text(f"the grader could not pull it: {detail}", f"评测系统拉取失败：{detail}"),
    )


def _too_large(limit: Text) -> Refused:
    return Refused(
        Reason.SIZE,
        Text(
            f"too large: more than {limit.en}; commit code only, no data and no weights",
            f"仓库过大：超过 {limit.zh}；请只提交代码，不要提交数据和权重",
        ),
    )


def _told(words: str) -> str:
    """Return the most telling line of what git said."""
    lines = [part.strip() for part in words.splitlines() if part.strip()]
    telling = [part for part in lines if part.startswith(("fatal:", "error:", "ssh:"))]
    said = (telling or lines or ["git said nothing"])[0]
    return line(re.sub(r"^(?:fatal: |error: )?(?:unable to access: )?", "", said), 160).rstrip(".")
