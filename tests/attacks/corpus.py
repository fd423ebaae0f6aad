"""The corpus: attacks read from their folders, and a course with everything they are after planted in it."""

from __future__ import annotations

import importlib.util
import json
import re
import secrets
import shutil
import socket
import stat
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent
EXERCISES = HERE / "exercises"  # beside `vectors`, which is the behaviours'
TOOLS = HERE / "tools"
# The exercise `steps` again, with less time: CPU seconds for the first, seconds for a call for the second.
TIGHT = {"spins": ("cpu: 10,", "cpu: 1,"), "naps": ("call: 10,", "call: 1.5,")}
# The exercise `rules` again, with more of the library opened.
OPENED = (
    ("cpu: 4, wall: 16, call: 5, memory: 512", "cpu: 30, wall: 90, call: 60, memory: 1024"),
    (
        "names: {transformers: [LlamaConfig]}",
        """imports: [transformers, pathlib]
  names: {pathlib: [Path], transformers: [LlamaConfig, AutoConfig, PreTrainedModel, LlamaPreTrainedModel]}""",
    ),
    ("poison: [torch.nn.modules.rnn]", "poison: [torch.nn.modules.rnn, transformers.models]"),
)
OURS = {"exercises", "tools", "__pycache__"}
SECRET = "CANARY-"  # how every planted secret begins; an attack that finds one says so, and so is found out
EVERY = 8  # attacks between two honest submissions
PRIVATE = (".ssh/id_ed25519", ".netrc", ".git-credentials", ".config/gh/hosts.yml", ".bash_history")
MOST_READ = 1 << 20  # bytes of a file that are compared
# How `unseen.py` gets past the static check, whatever it says: these attacks are for other layers.
UNSEEN = "\n\nimport builtins\n\nbuiltins.exec(builtins.bytes.fromhex({!r}), builtins.globals())\n"
OPEN = (  # modules that attacks may import: the import policy has a class of its own
    "asyncio atexit builtins codecs concurrent.futures ctypes errno fcntl gc glob importlib inspect io json "
    "marshal mmap msgspec multiprocessing numpy os pathlib pickle platform pty queue random re resource "
    "runpy select shutil signal socket socketserver stat string struct subprocess sys sysconfig tempfile "
    "threading traceback types unittest urllib.request warnings weakref zipfile zlib"
)


@dataclass(frozen=True)
class Attack:
    """One folder of the corpus."""

    folder: Path
    expected: Mapping[str, object]

    @property
    def name(self) -> str:
        """What its submission is called."""
        return f"{self.folder.parent.name}.{self.folder.name}"

    @property
    def exercise(self) -> str:
        """The exercise it hands in."""
        return str(self.expected.get("exercise", "vectors"))

    @property
    def device(self) -> str:
        """Where it has to run."""
        return str(self.expected.get("device", "cpu"))


def read_corpus() -> list[Attack]:
    """Read every attack, class by class."""
    classes = sorted(p for p in HERE.iterdir() if p.is_dir() and p.name not in OURS)
    folders = [f for c in classes for f in sorted(c.iterdir()) if (f / "expected.json").is_file()]
    return [Attack(f, json.loads((f / "expected.json").read_text())) for f in folders]


# ------------------------------------------------------------------------------- what attacks are after
@dataclass
class Stage:
    """A course, a home and a folder outside, with secrets in them, and sockets at which somebody listens."""

    folder: Path
    secret: str = field(default_factory=lambda: SECRET + secrets.token_hex(8))
    mark: str = field(default_factory=lambda: "mark-" + secrets.token_hex(8))

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.home, self.outside = self.folder / "home", self.folder / "outside"
        for folder in (self.home, self.outside):
            folder.mkdir()
            folder.chmod(0o777)  # nothing but the wall keeps anybody out
        for path in (
            ".ssh/id_ed25519",
            ".netrc",
            ".git-credentials",
            ".config/gh/hosts.yml",
            ".bash_history",
        ):
            self._plant(self.home / path)
        self._plant(self.outside / "notes.txt")
        self.ears = Ears(self.outside / "socket", self.mark)

    def _plant(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"token {self.secret}\n")
        path.chmod(0o666)

    def plant_in(self, course: Path) -> None:
        """Hide secrets where a course and its checkout have theirs."""
        self._plant(course / ".git" / "config")
        for tests in course.glob("exercises/*/hidden_tests/test_*.py"):
            tests.write_text(f"{tests.read_text()}\n\nTOKEN = {self.secret!r}\n")

    def plant_in_submission(self, folder: Path) -> None:
        """Hide one in another student's work."""
        solution = folder / "solution.py"
        solution.write_text(f"{solution.read_text()}\n\nTOKEN = {self.secret!r}\n")

    @property
    def environment(self) -> dict[str, str]:
        """What the grader is started with; a runner's file commands included."""
        tokens = ("GITHUB_TOKEN", "ACTIONS_RUNTIME_TOKEN", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN")
        files = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")
        return {
            "HOME": str(self.home),
            "SSH_AUTH_SOCK": str(self.outside / "socket"),
            **dict.fromkeys(tokens, self.secret),
            **{name: str(self.outside / name.lower()) for name in files},
        }

    def words(self, course: Path) -> dict[str, str]:
        """Say what `@@WORD@@` in an attack's files stands for: attackers know where everything is."""
        return {
            "COURSE": str(course),
            "HOME": str(self.home),
            "OUTSIDE": str(self.outside),
            "MARK": self.mark,
            **self.ears.words,
        }

    def found(self) -> list[str]:
        """Name every file of this machine that says by its name that an attack made it."""
        places = (Path("/dev/shm"), Path("/tmp"), Path("/var/tmp"), self.folder)
        return [str(p) for place in places if place.is_dir() for p in place.glob(f"*{self.mark}*")]


class Ears:
    """Sockets of every family an attack may try; whatever arrives at one is noted."""

    def __init__(self, path: Path, mark: str) -> None:
        self.heard: list[str] = []
        self.words = {"SOCKET": str(path), "ABSTRACT": f"grader-{mark}"}
        tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
        here, here6 = ("127.0.0.1", 0), ("::1", 0)
        self._sockets: list[socket.socket] = []
        self._listen("TCP", socket.AF_INET, tcp, here)
        self._listen("UDP", socket.AF_INET, udp, here)
        if socket.has_ipv6:
            self._listen("TCP6", socket.AF_INET6, tcp, here6)
        self._listen("unix", socket.AF_UNIX, tcp, str(path))
        self._listen("abstract", socket.AF_UNIX, tcp, f"\0grader-{mark}")
        path.chmod(0o777)

    def _listen(self, name: str, family: int, kind: int, address: object) -> None:
        try:
            sock = socket.socket(family, kind)
            sock.bind(address)
        except OSError:  # a machine without IPv6
            return
        if family != socket.AF_UNIX:
            self.words[name] = str(sock.getsockname()[1])
        if kind == socket.SOCK_STREAM:
            sock.listen()
        self._sockets.append(sock)
        threading.Thread(target=self._hear, args=(name, sock), daemon=True).start()

    def _hear(self, name: str, sock: socket.socket) -> None:
        while True:
            try:
                if sock.type == socket.SOCK_STREAM:
                    connection, _ = sock.accept()
                    connection.settimeout(0.2)
                    with connection:
                        self.heard.append(f"{name}: connected")
                        self.heard.append(f"{name}: {connection.recv(200)!r}")
                else:
                    self.heard.append(f"{name}: {sock.recv(200)!r}")
            except TimeoutError:
                continue
            except OSError:
                return  # closed

    def close(self) -> None:
        """Stop listening."""
        for sock in self._sockets:
            sock.close()


# ------------------------------------------------------------------------------- laying it all out
def open_course(course: Path) -> None:
    """Make the tiny course the corpus's: more exercises, no import policy in the way, no points for size."""
    for exercise in sorted(p for p in EXERCISES.iterdir() if p.is_dir()):
        shutil.copytree(exercise, course / "exercises" / exercise.name)
    for name, (usual, tight) in TIGHT.items():
        shutil.copytree(course / "exercises" / "steps", course / "exercises" / name)
        limits = course / "exercises" / name / "exercise.yaml"
        limits.write_text(limits.read_text().replace(usual, tight))
    shutil.copytree(course / "exercises" / "rules", course / "exercises" / "opened")
    policy = course / "exercises" / "opened" / "exercise.yaml"
    for usual, opened in OPENED:
        policy.write_text(policy.read_text().replace(usual, opened))
    names = sorted(p.name for p in (course / "exercises").iterdir())
    manifest = course / "grader.yaml"
    manifest.write_text(manifest.read_text().replace("[vectors]", f"[{', '.join(names)}]"))
    vectors = course / "exercises" / "vectors" / "exercise.yaml"
    text = re.sub(r"imports: \[.*\]", "imports: OPEN", vectors.read_text())
    vectors.write_text(
        text.replace("test_pseudocode: 2", "test_pseudocode: 4").replace("  test_code_size: 2\n", "")
    )
    for path in (course / "exercises").glob("*/exercise.yaml"):
        path.write_text(path.read_text().replace("imports: OPEN", f"imports: [{', '.join(OPEN.split())}]"))


def hand_in_right(course: Path, exercise: str, name: str) -> Path:
    """Hand in what is right throughout; return the folder of the exercise."""
    source = course / "exercises" / exercise
    folder = course / "submissions" / name / "exercises" / exercise
    folder.mkdir(parents=True)
    right = source / "right.py"
    shutil.copy(right if right.is_file() else source / "reference" / "solution.py", folder / "solution.py")
    shutil.copy(source / "reference" / "PSEUDOCODE.md", folder)
    return folder


def hand_in(attack: Attack, course: Path, words: Mapping[str, str]) -> None:
    """Make an attack's folder a submission; README.md says what may be in it."""
    root = course / "submissions" / attack.name
    folder = hand_in_right(course, attack.exercise, attack.name)
    solution = folder / "solution.py"
    tools: Sequence[str] = attack.expected.get("tools", ())  # type: ignore[assignment]
    for path in sorted(attack.folder.iterdir()):
        if path.name == "repository":
            for file in (f for f in path.rglob("*") if f.is_file()):
                target = root / file.relative_to(path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(_filled(file.read_text(), words))
        elif path.name in ("added.py", "unseen.py"):
            parts = [*(TOOLS / f"{tool}.py" for tool in tools), path]
            source = "\n\n".join(_filled(part.read_text(), words) for part in parts)
            packed = UNSEEN.format(source.encode().hex()) if path.name == "unseen.py" else source
            solution.write_text(f"{solution.read_text()}\n\n{packed}")
        elif path.is_file() and path.name not in ("expected.json", "make.py"):
            (folder / path.name).write_text(_filled(path.read_text(), words))
    if (attack.folder / "make.py").is_file():
        _load(attack.folder / "make.py").make(root)


def _filled(text: str, words: Mapping[str, str]) -> str:
    return re.sub("@@([A-Z0-9]+)@@", lambda found: words.get(found[1], found[0]), text)


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"make_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def contents(folder: Path) -> dict[str, object]:
    """Return all that is in a folder, to be compared with what is in it later."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name, status = str(path.relative_to(folder)), path.lstat()
        regular = stat.S_ISREG(status.st_mode) and status.st_size < MOST_READ
        found[name] = (status.st_mode, path.read_bytes() if regular else status.st_size)
    return found
