"""What may stand in `.gitmodules`: the address of a repository, the name of a branch."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass

from grader.course import PullRules
from grader.git.failures import Reason, Refused
from grader.job import Text
from grader.sanitise import line
from grader.submission.listing import odd_characters

_LONGEST = 500
_HOST = r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
_PATH = r"(?P<path>[\w.~+%@-]+(?:/[\w.~+%@-]+)*/?)"
_USER = r"(?P<user>[a-z_][\w.-]*)"
_HTTP = re.compile(rf"(?P<scheme>https?)://{_HOST}(?::(?P<port>\d{{1,5}}))?/{_PATH}", re.ASCII)
_SSH = re.compile(rf"(?P<scheme>ssh)://(?:{_USER}@)?{_HOST}(?::(?P<port>\d{{1,5}}))?/{_PATH}", re.ASCII)
_SHORT = re.compile(rf"{_USER}@{_HOST}:/?{_PATH}", re.ASCII)
_PASSWORD = re.compile(r"https?://[^/]*@")
_BRANCH = re.compile(r"[^\s\x00-\x20\x7f~^:?*\[\\]+")
_PORTS = {"http": 80, "https": 443, "ssh": 22}
_LOCAL = re.compile(r"(?:.*\.)?localhost|.*\.(?:0[xX][0-9a-fA-F]*|\d+)|0[xX][0-9a-fA-F]*|\d+")

_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that is given out; the rest has meanings of its own
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # IPv4 hosts, as networks without IPv4 see them
_DOCUMENTED = ipaddress.IPv6Network("3fff::/20")


@dataclass(frozen=True, slots=True)
class Address:
    """The checked address of a repository."""

    url: str
    scheme: str
    host: str
    port: int

    @property
    def server(self) -> str:
        """Scheme and host, and the port where it is not the usual one."""
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"


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
    given = found.groupdict()
    scheme, host = given.get("scheme") or "ssh", found["host"].lower()
    port = int(given.get("port") or _PORTS[scheme])
    if not 0 < port < 1 << 16:
        raise _bad(f"there is no port {port}", f"不存在端口 {port}")
    if rules.hosts and host not in rules.hosts:
        raise _bad(
            f"repositories of this course are at {', '.join(rules.hosts)}, not at {host}",
            f"本课程的仓库应位于 {', '.join(rules.hosts)}，而不是 {host}",
        )
    if scheme == "http" and host not in rules.http:
        raise _bad("http is not encrypted; use https", "http 未加密；请使用 https")
    if _is_local(host) and not is_named(host, rules):
        raise no_public_host(host)
    return Address(url, scheme, host, port)


def read_branch(branch: str) -> str:
    """Check the name of a branch, by git's own rules. Raises Refused."""
    parts = branch.split("/")
    wrong = any(not p or p[0] == "." or p.endswith(".lock") for p in parts)
    wrong |= branch[:1] == "-" or branch[-1:] == "." or ".." in branch or "@{" in branch or len(branch) > 200
    if wrong or not _BRANCH.fullmatch(branch) or odd_characters(unicodedata.normalize("NFC", branch)):
        raise _bad(
            f"{line(repr(branch), 120)} cannot be the name of a branch",
            f"{line(repr(branch), 120)} 不能作为分支名",
        )
    return branch


def is_named(host: str, rules: PullRules) -> bool:
    """Say whether the course names a host itself, which may then be anywhere."""
    return host in (*rules.hosts, *rules.http)


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the public internet, and stands for no other one that is not."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast and not ip.is_reserved
    inner = ip.ipv4_mapped or ip.sixtofour
    if ip in _NAT64:
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if inner is not None and not is_public(str(inner)):
        return False
    return ip.is_global and (ip in _UNICAST or ip in _NAT64) and ip not in _DOCUMENTED


def no_public_host(host: str, address: str = "") -> Refused:
    """Build what is said of a host of this machine or of its network."""
    here = f" ({address})" if address else ""
    return _bad(
        f"{host}{here} is no public host; name it under 'pull: hosts' in grader.yaml if that is meant",
        f"{host}{here} 不是公网主机；如确有需要，请在 grader.yaml 的 pull: hosts 中列出",
    )


def _is_local(host: str) -> bool:
    """Say whether a host is, by its name, no host of the public internet."""
    try:
        return not is_public(host.strip("[]"))
    except ValueError:
        return bool(_LOCAL.fullmatch(host))


def _bad(en: str, zh: str) -> Refused:
    return Refused(Reason.ENTRY, Text(en, zh))
