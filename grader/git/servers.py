"""Which servers can be reached: found out once for all repositories there, and by none of them."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from urllib.request import getproxies_environment, proxy_bypass

from grader.course import PullRules
from grader.git.address import Address, is_named, is_public, no_public_host
from grader.git.failures import Refused, network

_VAIN = 3  # repositories that were pulled in vain, after which a server that answered none is doubted
_CONNECT = 10.0  # seconds
_TRIED = 4  # addresses of one name
_PAUSE = 2.0  # seconds before the second try


class Servers:
    """What is known of the servers of one pull."""

    def __init__(self, rules: PullRules) -> None:
        self._rules = rules
        self._lock = threading.Lock()
        self._reached: dict[str, Future[str]] = {}
        self._answered: set[str] = set()
        self._unreachable: Counter[str] = Counter()
        self._vain: Counter[str] = Counter()

    def reach(self, address: Address, ended: Callable[[float], bool]) -> str:
        """Connect to a server, once for all; return what git is to take its name for. Raises Refused.

        The name is looked up here, so that none stands for a host of this network, and git is told what was
        found, so that it stands for nothing else a moment later. With ssh the server's key is known, and a
        proxy looks names up itself. `ended(seconds)` waits, and says whether all is to end.
        """
        server = address.server
        if self._unreachable[server] >= _VAIN and server not in self._answered:
            raise network(f"{server} could not be reached for {_VAIN} others", unreachable=True)
        if address.scheme == "ssh" or _proxied(address):
            return ""
        with self._lock:
            first = server not in self._reached
            found = self._reached.setdefault(server, Future())
        if first:
            threading.Thread(target=_look, args=(address, self._rules, found), daemon=True).start()
        while not found.done():
            if ended(0.01):
                raise network("interrupted")
        return found.result()

    def patient(self, server: str) -> bool:
        """Say whether it is worth while to try again, where it fails: not if it fails for everybody."""
        return server in self._answered or self._vain[server] < _VAIN

    def answered(self, server: str) -> None:
        """Remember that a server has told about a repository: what fails from now on is that one's matter."""
        self._answered.add(server)

    def in_vain(self, server: str, refused: Refused) -> None:
        """Remember that a server has not."""
        self._vain[server] += 1
        self._unreachable[server] += refused.unreachable


def _look(address: Address, rules: PullRules, found: Future[str]) -> None:
    try:
        try:
            found.set_result(_connect(address, rules))
        except OSError:
            time.sleep(_PAUSE)
            found.set_result(_connect(address, rules))
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        found.set_exception(network(f"{address.server}: {why}", unreachable=True))
    except Exception as error:  # nobody may wait for ever
        found.set_exception(error)


def _connect(address: Address, rules: PullRules) -> str:
    host = address.host.strip("[]")
    rows = socket.getaddrinfo(host, address.port, type=socket.SOCK_STREAM)
    ips = list(dict.fromkeys(str(row[4][0]) for row in rows))[:_TRIED]
    for ip in ips:
        if not is_named(address.host, rules) and not is_public(ip):
            raise no_public_host(address.host, ip)
    for ip in ips:
        try:
            socket.create_connection((ip, address.port), _CONNECT).close()
            break
        except OSError:
            if ip == ips[-1]:
                raise
    if host in ips:
        return ""
    return f"{host}:{address.port}:" + ",".join(f"[{ip}]" if ":" in ip else ip for ip in ips)


def _proxied(address: Address) -> bool:
    proxies = getproxies_environment()
    return bool({address.scheme, "all"} & proxies.keys()) and not proxy_bypass(address.host, proxies)
