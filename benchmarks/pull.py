"""How long `grader pull` takes, against `git submodule update --init --remote --jobs 8` on the same.

50 small repositories on a git server on loopback. In each round a new course is pulled by the one and a new
one by the other, in turn, in one run: once when nothing is there yet, once when one student has pushed. Both
run as commands, start included. Prints JSON; a ratio below 1 means that `grader pull` is faster.

    python benchmarks/pull.py [--repositories 50] [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "pull"))
from repositories import Bare  # type: ignore[import-not-found]
from server import GitServer  # type: ignore[import-not-found]

ALONE = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
AUTHOR = ("-c", "user.name=b", "-c", "user.email=b@example.org")
GRADER = (sys.executable, "-m", "grader", "pull")
GIT = ("git", "submodule", "--quiet", "update", "--init", "--remote", "--jobs", "8")
MANIFEST = "title: {en: Nothing, zh: 无}\npull: {http: [127.0.0.1]}\nexercises: []\n"
FILES = {
    f"exercises/e{i}/{name}": f"# {i}\n" * 200 for i in range(5) for name in ("solution.py", "PSEUDOCODE.md")
}


def make_course(folder: Path, students: dict[str, Bare], server: GitServer) -> Path:
    """Make a course whose index names all submodules at their first commits."""
    folder.mkdir()
    (folder / "grader.yaml").write_text(MANIFEST, encoding="utf-8")
    entry = '[submodule "submissions/{0}"]\n\tpath = submissions/{0}\n\turl = {1}\n\tbranch = main\n'
    modules = "".join(entry.format(name, server.url(name)) for name in students)
    (folder / ".gitmodules").write_text(modules)
    links = "".join(f"160000 {bare.first}\tsubmissions/{name}\0" for name, bare in students.items())
    for command, stdin in (
        (("init", "-q"), ""),
        (("add", "grader.yaml", ".gitmodules"), ""),
        (("update-index", "-z", "--index-info"), links),
        (("commit", "-q", "-m", "course"), ""),
    ):
        subprocess.run(["git", *AUTHOR, *command], cwd=folder, env=ALONE, input=stdin, text=True, check=True)
    return folder


def timed(command: tuple[str, ...], course: Path, students: dict[str, Bare]) -> float:
    """Run one command, and see that it did its work."""
    started = time.perf_counter()
    subprocess.run(command, cwd=course, env=ALONE, check=True, capture_output=True)
    elapsed = time.perf_counter() - started
    for name, bare in students.items():
        head = (course / ".git/modules/submissions" / name / "HEAD").read_text().strip()
        if head != bare.tip or not (course / "submissions" / name / "exercises/e0/solution.py").exists():
            raise SystemExit(f"{command[0]} left {name} at {head}, not at {bare.tip}")
    return elapsed


def measure(folder: Path, students: dict[str, Bare], server: GitServer) -> dict[str, tuple[float, float]]:
    """Return the seconds of both, for a new course and for one push."""
    courses = [make_course(folder / who, students, server) for who in ("ours", "gits")]
    pairs = {}
    for what in ("new", "one_push"):
        if what == "one_push":
            first = next(iter(students.values()))
            first.commit({**FILES, "pushed": str(time.time_ns())})
        ours = timed(GRADER, courses[0], students)
        pairs[what] = (ours, timed(GIT, courses[1], students))
    return pairs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with GitServer(folder / "server") as server:
            students = {f"s{i:03}": Bare(server.folder / f"s{i:03}.git") for i in range(options.repositories)}
            for name, bare in students.items():
                bare.commit({**FILES, "name": name})
            rounds = []
            for i in range(options.rounds):
                (folder / f"round{i}").mkdir()
                rounds.append(measure(folder / f"round{i}", students, server))
    result: dict[str, object] = {"repositories": options.repositories, "rounds": options.rounds}
    for what in rounds[0]:
        ours, gits = zip(*(pairs[what] for pairs in rounds), strict=True)
        result[what] = {
            "grader_pull_s": round(statistics.median(ours), 2),
            "git_submodule_update_s": round(statistics.median(gits), 2),
            "ratio": round(statistics.median(a / b for a, b in zip(ours, gits, strict=True)), 2),
        }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
