"""Why a repository could not be pulled: git's many words, turned into one clear line in both languages."""

from __future__ import annotations

import re
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
    return Blame.NETWORK if reason in (Reason.NETWORK, Reason.NOT_GIT) else Blame.COURSE


class Refused(Exception):  # noqa: N818  # not an error of the program: it ends as data
    """One repository cannot be pulled; the others go on."""

    def __init__(self, reason: Reason, text: Text) -> None:
        self.reason, self.text = reason, text
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
NO_DISK: Final = Text("no space left on this machine", "本机磁盘空间不足")

# The first of which a phrase is found in what git said. More telling ones stand first: git adds "could not
# read from remote repository" and the like to most of them.
_SIGNS: Final = (
    (Reason.FAULT, NO_DISK, ("no space left on device", "disk quota exceeded")),
    (Reason.ACCESS, HOST_KEY, (
        "host key verification failed", "host key is known", "host identification has changed",
    )),
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
    (Reason.BROKEN, UNREADABLE, ("fsck error",)),
    (Reason.NETWORK, None, (
        "could(?: not|n't) (?:resolve|connect)", "failed to connect", "name or service not known",
        "temporary failure in name resolution", "connection (?:refused|reset|timed out|closed)",
        "no route to host", "network is unreachable", "operation too slow", "timed out", "timeout",
        r"error: (?:429|5\d\d)", "ssl", "tls", "early eof", "closed by remote host",
        "unexpected disconnect", "hung up",
        "transfer closed", "partial file", "empty reply", "(?:recv|send) failure", "http/2 stream",
        r"curl \d+", "broken pipe", "invalid index-pack output", "expected flush after",
    )),
    (Reason.BROKEN, UNREADABLE, (
        "inflate", "bad object", "index-pack failed", "pack has", "pack is corrupted",
        "died of signal", "out of memory", "mmap failed", "unresolved deltas", "sha1 mismatch",
        "invalid .*object",
    )),
    (Reason.NOT_GIT, NOT_GIT, (
        "not valid: is this a git repository", "bad line length", "protocol error", "invalid pkt",
        "dumb http transport", "expected .* got", "unknown object format", "invalid response",
        "unable to parse", "invalid ls-refs", "info/refs",
    )),
    (Reason.PRIVATE, PRIVATE, ("could not read from remote repository",)),
)  # fmt: skip
_QUOTED = re.compile(r" '[^']*:[^']*'")  # an address
_FSCK = re.compile(r"object [0-9a-f]+: (\w+): ([^\n]+)")


def explain(words: str, *, with_key: bool) -> Refused:
    """Turn what git wrote to stderr into a reason and a sentence; `with_key`: a token or key was sent.

    What the server itself has said ("remote: ...") and how the repository is called do not count.
    """
    words = "\n".join(_QUOTED.sub("", row) for row in words.splitlines() if not row.startswith("remote:"))
    for reason, text, phrases in _SIGNS:
        if not re.search("|".join(phrases), words, re.IGNORECASE):
            continue
        if reason is Reason.ACCESS and text is TOKEN and not with_key:
            return Refused(Reason.PRIVATE, PRIVATE)
        if reason is Reason.NETWORK:
            return network(_told(words))
        if reason is Reason.BROKEN and (fsck := _FSCK.search(words)):
            detail = line(f"{fsck[1]}: {fsck[2]}", 120)
            return Refused(reason, Text(f"{UNREADABLE.en} ({detail})", f"{UNREADABLE.zh}（{detail}）"))
        return Refused(reason, text or UNREADABLE)
    return fault(_told(words))


def network(detail: str) -> Refused:
    """Build what is said where host or network is to blame."""
    return Refused(
        Reason.NETWORK,
        Text(
            f"the host cannot be reached or does not answer as it should; not the student's fault ({detail})",
            f"无法连接主机，或主机应答异常；不是学生的问题（{detail}）",
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
