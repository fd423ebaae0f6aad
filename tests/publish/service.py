"""A real HTTP server on loopback: GitHub's endpoints that we use, and a course ranking; it can misbehave.

What it does is decided per request by a queue of moods (`service.moods`), then by what it holds.
"""

import contextlib
import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TOKEN = "api-token-0815"
REPOSITORY = r"/repos/(?P<repository>[\w.-]+/[\w.-]+)"


class Server(ThreadingHTTPServer):
    """Says nothing of clients that hang up."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


@dataclass
class Asked:
    """A request that arrived."""

    method: str
    path: str
    headers: dict
    body: object
    when: float = field(default_factory=time.monotonic)


@dataclass
class Service:
    """The server's state. A context manager; `url` is where it is."""

    host: str = "127.0.0.1"
    moods: list = field(default_factory=list)  # how the next requests are met; then all is well
    asked: list = field(default_factory=list)
    checks: list = field(default_factory=list)  # (repository, check run)
    statuses: list = field(default_factory=list)  # (repository, commit, status)
    comments: list = field(default_factory=list)  # (repository, commit, comment)
    scores: list = field(default_factory=list)
    gone: set = field(default_factory=set)  # repositories that answer 404
    answer: object = field(default_factory=lambda: {"result": 1})  # of the ranking
    elsewhere: str = ""  # where a redirect leads
    only_apps: bool = False  # checks are for GitHub Apps

    def __post_init__(self):
        self._http = Server((self.host, 0), handler(self))
        self.stopped = threading.Event()
        self.url = f"http://{self.host}:{self._http.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.stopped.set()
        self._http.shutdown()
        self._http.server_close()

    def posts(self, part=""):
        """Return the bodies of what was posted to paths that contain a text."""
        return [a.body for a in self.asked if a.method in ("POST", "PATCH") and part in a.path]

    # What is at a path: methods called VERB_NAME answer (status, JSON).

    def find(self, method, path, query, body):
        for verb, pattern, action in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and verb == method:
                facts = match.groupdict()
                if facts.get("repository") in self.gone:
                    return 404, {"message": "Not Found"}
                return getattr(self, action)(query, body, **facts)
        return 404, {"message": "no such path"}

    def list_checks(self, query, body, repository, commit):
        named = [c for r, c in self.checks if (r, c["head_sha"]) == (repository, commit)]
        named = [c for c in named if c["name"] == query["check_name"][0]]
        if query.get("filter", ["latest"])[0] == "latest":
            named = named[-1:]
        return 200, {"total_count": len(named), "check_runs": named}

    def make_check(self, query, body, repository):
        if self.only_apps:
            return 403, {"message": "You must authenticate via a GitHub App."}
        if len(body["output"]["annotations"]) > 50 or len(body["output"]["summary"]) > 65535:
            return 422, {"message": "Invalid request."}
        self.checks.append((repository, body))
        return 201, {"id": len(self.checks)}

    def list_statuses(self, query, body, repository, commit):
        return 200, [s for r, c, s in reversed(self.statuses) if (r, c) == (repository, commit)]

    def make_status(self, query, body, repository, commit):
        if len(body["description"]) > 140:
            return 422, {"message": "Validation Failed"}
        self.statuses.append((repository, commit, body))
        return 201, {}

    def list_comments(self, query, body, repository, commit):
        return 200, [c for r, sha, c in self.comments if (r, sha) == (repository, commit)]

    def make_comment(self, query, body, repository, commit):
        self.comments.append((repository, commit, {"id": len(self.comments) + 1, **body}))
        return 201, {"id": len(self.comments)}

    def change_comment(self, query, body, repository, number):
        comment = self.comments[int(number) - 1][2]
        if comment.get("foreign"):
            return 403, {"message": "Must have write access"}
        comment.update(body)
        return 200, comment

    def make_score(self, query, body):
        self.scores.append(body)
        return 200, self.answer


ROUTES = (
    ("GET", f"{REPOSITORY}/commits/(?P<commit>[0-9a-f]+)/check-runs", "list_checks"),
    ("POST", f"{REPOSITORY}/check-runs", "make_check"),
    ("GET", f"{REPOSITORY}/commits/(?P<commit>[0-9a-f]+)/statuses", "list_statuses"),
    ("POST", f"{REPOSITORY}/statuses/(?P<commit>[0-9a-f]+)", "make_status"),
    ("GET", f"{REPOSITORY}/commits/(?P<commit>[0-9a-f]+)/comments", "list_comments"),
    ("POST", f"{REPOSITORY}/commits/(?P<commit>[0-9a-f]+)/comments", "make_comment"),
    ("PATCH", f"{REPOSITORY}/comments/(?P<number>[0-9]+)", "change_comment"),
    ("POST", "/rank", "make_score"),
)


def handler(service):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            url = urlsplit(self.path)
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(text) if text else None
            service.asked.append(Asked(self.command, self.path, dict(self.headers), body))
            mood = service.moods.pop(0) if service.moods else "well"
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                getattr(self, mood)(lambda: service.find(self.command, url.path, parse_qs(url.query), body))

        do_POST = do_PATCH = do_GET  # noqa: N815  # the base class's names

        def log_message(self, *_):
            pass

        def reply(self, status, content, **headers):
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def well(self, act):
            token = self.headers.get("Authorization", self.headers.get("token", "")).split()[-1]
            if token != TOKEN:
                self.reply(401, {"message": f"Bad credentials: {token}"})
            else:
                self.reply(*act())

        def fails(self, act):
            self.reply(500, {"message": f"trouble with {TOKEN}\x1b[2J\n::error::x"})

        def fails_afterwards(self, act):
            act()
            self.reply(502, b"<html>bad gateway</html>")

        def limits(self, act):
            self.reply(429, {"message": "slow down"}, Retry_After="1")

        def limits_long(self, act):
            self.reply(429, {}, Retry_After="3600")

        def limits_as_github(self, act):
            self.reply(
                403, {"message": "API rate limit exceeded"}, X_RateLimit_Remaining="0", X_RateLimit_Reset="1"
            )

        def hangs(self, act):
            service.stopped.wait(20)

        def hangs_afterwards(self, act):
            act()
            service.stopped.wait(20)

        def closes(self, act):
            act()
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"result"')
            self.close_connection = True

        def drips(self, act):
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            while not service.stopped.wait(0.05):
                self.wfile.write(b" ")
                self.wfile.flush()

        def drip(self, start, again):
            """Say the beginning of an answer, and then a little more, for ever."""
            self.wfile.write(start)
            while not service.stopped.wait(0.05):
                self.wfile.write(again)
                self.wfile.flush()

        def drips_status(self, act):
            self.drip(b"HTTP/1.1 200 ", b"O")

        def drips_headers(self, act):
            self.drip(b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n")

        def drips_into_a_header(self, act):
            self.drip(b"HTTP/1.1 200 OK\r\nX-More: ", b"1")

        def drips_chunks(self, act):
            self.drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n")

        def goes_on(self, act):
            """Say that the answer is still to come: `100 Continue` is no answer."""
            self.drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n")

        def dawdles(self, act):
            """Redirect, each time a little before one answer would have to be there."""
            service.stopped.wait(0.8)
            self.redirects(act)

        def floods(self, act):
            self.reply(200, b" " * (3 << 20))

        def answers_twice(self, act):
            """Answer, and with it a request that has not been made."""
            data = json.dumps(act()[1]).encode()
            one = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)
            self.wfile.write(one + one)

        def redirects_away(self, act):
            self.reply(307, b"", Location=f"{service.elsewhere}/taken?{TOKEN}")

        def redirects(self, act):
            self.reply(307, b"", Location=self.path)

        def babbles(self, act):
            self.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")
            self.close_connection = True

        def forbids(self, act):
            self.reply(403, {"message": "Resource not accessible by integration"})

        def refuses(self, act):
            self.reply(422, {"message": "No commit found for SHA"})

        def not_json(self, act):
            self.reply(200, b"[" * 100_000)

    return Handler
