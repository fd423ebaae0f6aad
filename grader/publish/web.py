"""Talk JSON to a service that has a token of ours: bounded, patient, and silent about the token.

The only place that imports httpx2 and stamina. A request is repeated where the service may be able to answer
later; before a POST is repeated, the caller is asked whether the last one got through after all. A service
can stretch every step of an exchange, a byte at a time: so there is one deadline for all steps of a try
(connection, TLS, headers, body, redirects), and one for all tries of a request, pauses included.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from collections.abc import Callable, Mapping
from urllib.parse import urljoin, urlsplit

import httpx2
import stamina

from grader import __version__
from grader.sanitise import line
from grader.targets import Patience

LONGEST_ANSWER = 1 << 20  # bytes
MOST_REDIRECTS = 3
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})  # statuses that say "not now"


class PostError(Exception):
    """One request came to nothing. `status` is None where no answer was understood.

    `hopeless` says that no other request to this service will do better.
    """

    def __init__(self, text: str, status: int | None = None, *, hopeless: bool = False) -> None:
        super().__init__(text)
        self.status = status
        self.hopeless = hopeless


class _LaterError(Exception):
    """The service may answer later; `pause` is how long it asks to wait, if it does."""

    def __init__(self, text: str, status: int | None = None, pause: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.pause = pause


class Web:
    """One service. `header` is the name and the value, token included, of the header that lets us in."""

    def __init__(self, url: str, header: tuple[str, str], token: str, patience: Patience) -> None:
        self._url = url
        self._token = token
        self._patience = patience
        self._host = urlsplit(url).netloc
        headers = {"Accept": "application/json", "User-Agent": f"llm-course-grader/{__version__}"}
        self._headers = headers | {header[0]: header[1].format(token=token)}
        self._trusted = httpx2.create_ssl_context()
        self._end = math.inf  # of the request at hand, on the monotonic clock

    def get(self, path: str) -> object:
        """Return what the service says. Raises PostError."""
        return self._patiently("GET", path, None, {}, lambda: False)

    def send(
        self,
        path: str,
        body: Mapping[str, object],
        *,
        method: str = "POST",
        key: str = "",
        arrived: Callable[[], bool] = lambda: False,
    ) -> object:
        """Send `body` and return the answer, None where `arrived()` says that an earlier try got through.

        `key` is the same for all tries of one post, for services that know Idempotency-Key. Raises PostError.
        """
        content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        return self._patiently(method, path, content, headers, arrived)

    def _patiently(
        self,
        method: str,
        path: str,
        content: bytes | None,
        headers: Mapping[str, str],
        arrived: Callable[[], bool],
    ) -> object:
        patience = self._patience

        def wait(error: Exception) -> float | bool:
            if not isinstance(error, _LaterError) or time.monotonic() + (error.pause or 0) >= self._end:
                return False
            if error.pause is None:
                return True
            return max(error.pause, 0.01) if error.pause <= patience.longest else False

        outer = self._end  # to ask whether a post has arrived is part of posting it
        self._end = min(outer, time.monotonic() + patience.whole)
        try:
            for attempt in stamina.retry_context(
                on=wait,
                attempts=patience.attempts,
                timeout=None,
                wait_initial=patience.pause,
                wait_max=patience.longest,
                wait_jitter=patience.pause,
            ):
                with attempt:
                    if attempt.num > 1 and arrived():
                        return None
                    return self._try(method, self._url + path, content, headers)
        except _LaterError as error:
            asked = f", and asks for {error.pause:.0f} s" if error.pause else ""
            raise PostError(
                f"{self._host}: {error}{asked}; run the same command later", error.status
            ) from None
        finally:
            self._end = outer
        raise AssertionError("one attempt is always made")

    def _try(self, method: str, url: str, content: bytes | None, headers: Mapping[str, str]) -> object:
        """Do all that one try takes, in bounded time."""

        async def bounded() -> object:
            async with asyncio.timeout(limit):
                return await self._follow(method, url, content, headers)

        limit = min(self._patience.timeout, self._end - time.monotonic())
        try:
            if limit > 0:
                return asyncio.run(bounded())
        except TimeoutError:
            pass
        raise _LaterError(f"no complete answer within {self._patience.timeout:g} s")

    async def _follow(
        self, method: str, url: str, content: bytes | None, headers: Mapping[str, str]
    ) -> object:
        """Make one request; go where the service sends us only if that is the same service."""
        for _ in range(MOST_REDIRECTS + 1):
            status, answer, said = await self._once(method, url, content, headers)
            if not 300 <= status < 400:
                return self._judged(status, answer, said)
            try:
                target = urljoin(url, said.get("location", ""))
            except ValueError:
                raise PostError(f"{self._host} answers with a redirect to no address", status) from None
            if _origin(target) != _origin(url) or (method != "GET" and status not in (307, 308)):
                where = self._clean(line(_shown(target)))
                raise PostError(
                    f"{self._host} answers with a redirect to {where} ({status}), where the token was not "
                    "sent; put the right address into grader.yaml",
                    status,
                    hopeless=_origin(target) != _origin(url),
                )
            url = target
        raise PostError(f"{self._host} redirects in a circle", status)

    async def _once(
        self, method: str, url: str, content: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Exchange one request and answer, of bounded size.

        Each has a connection of its own: what one still holds, a second answer say, would be taken for that
        of the next request.
        """
        # A handshake that the deadline of the whole cuts off would leave its socket open.
        connecting = httpx2.Timeout(None, connect=self._patience.timeout / 2)
        answer = bytearray()
        try:
            async with (
                httpx2.AsyncClient(headers=self._headers, verify=self._trusted, timeout=connecting) as client,
                client.stream(method, url, content=content, headers=dict(headers)) as response,
            ):
                async for part in response.aiter_bytes():
                    answer += part
                    if len(answer) > LONGEST_ANSWER:
                        raise PostError(
                            f"{self._host} sends more than {LONGEST_ANSWER >> 20} MiB", response.status_code
                        )
                return response.status_code, bytes(answer), response.headers
        except httpx2.TransportError as error:
            raise _LaterError(
                f"the connection failed ({self._clean(str(error)) or type(error).__name__})"
            ) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:  # the answer is no HTTP, or cannot be decoded
            raise PostError(f"{self._host}: {self._clean(str(error))}") from None

    def _judged(self, status: int, answer: bytes, headers: Mapping[str, str]) -> object:
        """Return the content of a good answer. Raises what fits a bad one."""
        if status < 300:
            return _parsed(answer)
        content = _parsed(answer)
        said = content.get("message") if isinstance(content, dict) else None
        text = f"it answers {status}" + (f", {self._clean(said)!r}" if isinstance(said, str) else "")
        limited = "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
        if status in _LATER or (status == 403 and limited):
            raise _LaterError(text, status, _pause(headers))
        raise PostError(f"{self._host}: {text}", status, hopeless=status == 401)

    def _clean(self, text: str) -> str:
        """Return what a service said, without our token and as one harmless line."""
        # In any case: a host is shown in lower case.
        return line(re.sub(re.escape(self._token), "…", text, flags=re.IGNORECASE) if self._token else text)


def _parsed(answer: bytes) -> object:
    """Return the JSON of an answer, None where it is none."""
    try:
        return json.loads(answer) if answer else None
    except (ValueError, RecursionError):
        return None


def _pause(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds a service asks us to wait; None where it does not say so in seconds."""
    asked = headers.get("retry-after", "")
    if asked.isascii() and asked.isdigit():
        return float(asked[:9])
    until = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and until.isascii() and until.isdigit():
        return max(0.0, float(until[:12]) - time.time())
    return None


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port
    except ValueError:
        return "", None, None


def _shown(url: str) -> str:
    """Return an address without what may be secret in it."""
    scheme, host, port = _origin(url)
    return f"{scheme}://{host}{f':{port}' if port else ''}" if host else "nowhere"
