"""What may stand in `.gitmodules`: the address of a repository, the name of a branch."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from grader.course import PullRules
from grader.git.failures import Reason, Refused
from grader.job import Text
from grader.sanitise import line

_LONGEST = 500
_HOST = r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
_PATH = r"(?P<path>[\w.~+%@-]+(?:/[\w.~+%@-]+)*/?)"
_USER = r"(?P<user>[a-z_][\w.-]*)"
_HTTP = re.compile(rf"(?P<scheme>https?)://{_HOST}(?::\d{{1,5}})?/{_PATH}", re.ASCII)
_SSH = re.compile(rf"(?P<scheme>ssh)://(?:{_USER}@)?{_HOST}(?::\d{{1,5}})?/{_PATH}", re.ASCII)
_SHORT = re.compile(rf"{_USER}@{_HOST}:/?{_PATH}", re.ASCII)
_PASSWORD = re.compile(r"https?://[^/]*@")
_BRANCH = re.compile(r"[^\s\x00-\x20\x7f~^:?*\[\\]+")
_LOCAL = re.compile(r"(?:.*\.)?localhost|.*\.(?:0[xX][0-9a-fA-F]*|\d+)|0[xX][0-9a-fA-F]*|\d+")


@dataclass(frozen=True, slots=True)
class Address:
    """The checked address of a repository."""

    url: str
    scheme: str
    host: str

    @property
    def server(self) -> str:
        """Scheme, host and port."""
        return "/".join(self.url.split("/")[:3]) if "://" in self.url else f"ssh://{self.host}"


def read_address(url: str, rules: PullRules) -> Address:
    """Check the address of a student's repository. Raises Refused.

    Only https and ssh (`git@host:path`, too), no password, no address of this machine or its network; the
    course's `pull:` rules make exceptions.
    """
    if _PASSWORD.match(url):
        raise _bad("the address holds a user name or token; leave it out", "地址中含有用户名或令牌；请去掉")
    found = _HTTP.fullmatch(url) or _SSH.fullmatch(url) or _SHORT.fullmatch(url)
    if not found or len(url) > _LONGEST:
        raise _bad(
            f"{line(repr(url), 120)} is no address of a repository: use https://HOST/PATH or git@HOST:PATH",
            f"{line(repr(url), 120)} 不是可用的仓库地址：请使用 https://HOST/PATH 或 git@HOST:PATH",
        )
    parts = found["path"].strip("/").split("/")
    if any(part in (".", "..") or part[0] == "-" for part in parts):
        raise _bad("a part of the address is '..' or begins with '-'", "地址中有一段是“..”或以“-”开头")
    scheme, host = found.groupdict().get("scheme") or "ssh", found["host"].lower()
    if rules.hosts and host not in rules.hosts:
        raise _bad(
            f"repositories of this course are at {', '.join(rules.hosts)}, not at {host}",
            f"本课程的仓库应位于 {', '.join(rules.hosts)}，而不是 {host}",
        )
    if scheme == "http" and host not in rules.http:
        raise _bad("http is not encrypted; use https", "http 未加密；请使用 https")
    if _is_local(host) and host not in (*rules.hosts, *rules.http):
        raise _bad(
            f"{host} is no public host; name it under 'pull: hosts' in grader.yaml if that is meant",
            f"{host} 不是公网主机；如确有需要，请在 grader.yaml 的 pull: hosts 中列出",
        )
    return Address(url, scheme, host)


def read_branch(branch: str) -> str:
    """Check the name of a branch, by git's own rules. Raises Refused."""
    parts = branch.split("/")
    wrong = any(not p or p[0] in "-." or p.endswith((".lock", ".")) for p in parts)
    if wrong or not _BRANCH.fullmatch(branch) or ".." in branch or "@{" in branch or len(branch) > 200:
        raise _bad(
            f"{line(repr(branch), 120)} cannot be the name of a branch",
            f"{line(repr(branch), 120)} 不能作为分支名",
        )
    return branch


def _is_local(host: str) -> bool:
    """Say whether a host is, by its name, no host of the public internet."""
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        return bool(_LOCAL.fullmatch(host))


def _bad(en: str, zh: str) -> Refused:
    return Refused(Reason.ENTRY, Text(en, zh))
