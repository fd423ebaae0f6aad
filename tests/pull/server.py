"""A real git server on loopback, `git http-backend` behind Python's HTTP server, that can misbehave.

The first part of a path says how it is served: `/ok/ann.git`, `/private/ann.git`, `/stalls/ann.git` ...
"""

import base64
import contextlib
import os
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOKEN = "course-token-4711"
JUNK = b"<html>Welcome to the campus network. Please log in.</html>\n" * 40


class GitServer:
    """Serves the bare repositories of a folder. A context manager."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.words = ""  # of its errors
        self.requests = []  # (path, Authorization header)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.stopped = threading.Event()
        self.port = self._http.server_address[1]

    def url(self, name, how="ok"):
        return f"http://127.0.0.1:{self.port}/{how}/{name}.git"

    def asked(self, part):
        """Return the requests whose path contains a text."""
        return [path for path, _ in self.requests if part in path]

    def until_asked(self, part):
        """Wait for a request whose path contains a text."""
        for _ in range(12_000):
            if self.asked(part):
                return
            time.sleep(0.05)
        raise AssertionError(f"nobody has asked for {part}")

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.stopped.set()
        self._http.shutdown()
        self._http.server_close()


def backend(folder, request, path, body):
    """Have git answer; return status, headers and body."""
    path, _, query = path.partition("?")
    environment = {
        "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(folder), "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": request.command,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""), "REMOTE_ADDR": "127.0.0.1",
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""), "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }  # fmt: skip
    done = subprocess.run(
        ["git", "http-backend"], input=body, env=environment, capture_output=True, check=False
    )
    head, _, answer = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    return int(headers.pop("Status", "200").split()[0]), headers, answer


def _handler(server):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            server.requests.append((self.path, self.headers.get("Authorization")))
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            _, how, path = self.path.split("/", 2)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                getattr(self, f"serve_{how}", self.serve_missing)(f"/{path}", body)

        do_POST = do_GET  # noqa: N815  # the base class's name

        def log_message(self, *_):
            pass

        def answer(self, status, headers, body):
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def serve_ok(self, path, body):
            self.answer(*backend(server.folder, self, path, body))

        def serve_missing(self, path, body):
            self.answer(404, {}, b"not found")

        def serve_private(self, path, body):
            due = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
            if self.headers.get("Authorization") == f"Basic {due}":
                self.serve_ok(path, body)
            else:
                self.answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"who are you?")

        def serve_forbidden(self, path, body):
            self.answer(403, {}, b"no")

        def serve_slow(self, path, body):
            status, headers, answer = backend(server.folder, self, path, body)
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            step = max(1, len(answer) // 4)
            for i in range(0, len(answer), step):
                self.wfile.write(answer[i : i + step])
                time.sleep(0.05)

        def serve_stalls(self, path, body):
            self.send_response(200)
            self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"001e# service=git-upload-pack\n")
            server.stopped.wait(600)
            self.close_connection = True

        def serve_dies(self, path, body):
            """Send half of the pack, then hang up."""
            status, headers, answer = backend(server.folder, self, path, body)
            if b"command=fetch" not in body:
                self.answer(status, headers, answer)
                return
            self.send_response(status)
            self.send_header("Content-Type", headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer[: len(answer) // 2])
            self.close_connection = True

        def serve_flaky(self, path, body):
            """Fail once for each repository, then work."""
            if len(server.asked(f"/flaky{path.split('?')[0].split('/info')[0]}")) == 1:
                self.answer(503, {}, b"busy")
            else:
                self.serve_ok(path, body)

        def serve_error(self, path, body):
            """Give an error of the server's own, in git's protocol."""
            if b"command=" not in body:
                self.serve_ok(path, body)
                return
            row = b"ERR " + server.words.encode()
            self.answer(
                200, {"Content-Type": "application/x-git-upload-pack-result"}, b"%04x%s" % (len(row) + 4, row)
            )

        def serve_aborts(self, path, body):
            """List branches, but send an error (on the side band) in place of the commit."""
            if b"command=fetch" not in body:
                self.serve_ok(path, body)
                return
            row = b"\x03" + server.words.encode()
            answer = b"000dpackfile\n" + b"%04x%s" % (len(row) + 4, row)
            self.answer(200, {"Content-Type": "application/x-git-upload-pack-result"}, answer)

        def serve_garbles(self, path, body):
            """Answer with a line that git repeats in an error of its own."""
            if b"command=" not in body:
                self.serve_ok(path, body)
                return
            row = server.words.encode()
            self.answer(
                200,
                {"Content-Type": "application/x-git-upload-pack-result"},
                b"%04x%s0000" % (len(row) + 4, row),
            )

        def serve_down(self, path, body):
            self.answer(503, {}, b"down")

        def serve_garbage(self, path, body):
            self.answer(200, {"Content-Type": "text/html"}, JUNK)

        def serve_badpack(self, path, body):
            """Speak git until it comes to the pack."""
            status, headers, answer = backend(server.folder, self, path, body)
            if b"command=fetch" in body:
                answer = b"000dpackfile\n" + b"%04x\x01" % (5 + 600) + os.urandom(600) + b"0000"
            self.answer(status, headers, answer)

        def serve_moved(self, path, body):
            self.answer(302, {"Location": f"http://127.0.0.1:{server.port}/ok{path}"}, b"")

        def serve_metadata(self, path, body):
            """Send the client to where clouds keep their credentials."""
            self.answer(302, {"Location": "http://169.254.169.254/latest/meta-data/"}, b"")

        def serve_dumb(self, path, body):
            """Serve files, as a web server that knows no git."""
            file = server.folder / path.split("?")[0].lstrip("/")
            if file.is_file():
                self.answer(200, {"Content-Type": "text/plain"}, file.read_bytes())
            else:
                self.serve_missing(path, body)

        def serve_endless(self, path, body):
            """Name branches forever."""
            self.send_response(200)
            self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
            self.end_headers()
            self.wfile.write(b"001e# service=git-upload-pack\n0000")
            for number in range(10**9):
                if server.stopped.is_set():
                    break
                row = b"%040x refs/heads/branch-%020d%s\n" % (number + 1, number, b"" if number else b"\0")
                self.wfile.write(b"%04x%s" % (len(row) + 4, row))
            self.close_connection = True

    return Handler
