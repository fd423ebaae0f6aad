"""What each layer of the wall alone stops: the corpus of attacks with exactly one layer turned off at a time.

A layer is turned off by editing a copy of the grader's source; the grader itself has no such switch. The
exhausting attacks are left out: without their layer they would take the machine down. The self-probe is off,
too, wherever a layer is: with it a worker that lacks the layer ends before it reads a student's first byte,
which is tried as well. Run as root, on a machine where tier A works. Prints Markdown, and JSON with --json.

    python benchmarks/layers.py [--only NAME]... [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.attacks.corpus import (  # noqa: E402
    SECRET,
    Attack,
    Stage,
    contents,
    hand_in,
    hand_in_right,
    open_course,
    read_corpus,
)  # fmt: skip
from tests.outcomes import check_outcome, told  # noqa: E402

WALL = ("reading", "escaping", "poisoning")
Edit = tuple[str, str, str]  # file below grader/, what stands there once, what stands there instead


@dataclass(frozen=True)
class Layer:
    """One layer: how it is turned off, and which classes of attacks are for it to stop."""

    name: str
    edits: tuple[Edit, ...]
    classes: tuple[str, ...] = WALL


def _without_namespace(kind: str) -> tuple[Edit, ...]:
    outer = ("NEWNS", "NEWPID", "NEWNET", "NEWIPC", "NEWUTS", "NEWCGROUP")  # the template's
    inner = ("NEWNS", "NEWNET", "NEWIPC")  # the job's

    def flags(names: Iterable[str], but: str = "") -> str:
        return " | ".join(f"confine.{name}" for name in names if name != but)

    return (
        ("inside/template.py", flags(outer), flags(outer, but=kind)),
        ("inside/jail.py", flags(inner), flags(inner, but=kind)),
    )


WHOLE_ROOT = """\
    _show_devices(root, launch.devices)
    for entry in sorted(os.scandir("/"), key=lambda e: e.name):
        kept = (root, "/dev/", "/sys/", *_EMPTY, *sources)  # what is built, or holds what is shown
        holds = any(f"{path}/".startswith(f"{entry.path}/") for path in kept)
        if entry.is_dir(follow_symlinks=False) and not holds:
            Path(root, entry.name).mkdir(exist_ok=True)
            confine.mount(entry.path, f"{root}/{entry.name}", flags=confine.MS_BIND | confine.MS_REC)
"""
SELF_PROBE: Edit = ("inside/job.py", "return selfprobe.problems(job, launch, {sock, status})", "return []")
OWN_USER_NAMESPACE: Edit = (
    "inside/jail.py", "    confine.unshare_user()\n", "    confine.set_dumpable(True)\n",
)  # fmt: skip
CLOSING = "            confine.close_all_except({0, 1, 2, sock, status})\n"
BREACHES = "            breaches = candidate.inspect().breaches[:5]\n"
LAYERS = (
    Layer("view of the file system", (
        ("inside/view.py", "    _show_devices(root, launch.devices)\n", WHOLE_ROOT),
    )),
    Layer("process namespace", (("inside/template.py", "    confine.unshare(confine.NEWPID)\n", ""),)),
    Layer("network namespace", _without_namespace("NEWNET")),
    Layer("IPC namespace", _without_namespace("NEWIPC")),
    Layer("user namespace of the job", (OWN_USER_NAMESPACE,)),
    Layer("Landlock", (("inside/jail.py", "    confine.landlock(_rules(job, launch))\n", ""),)),
    Layer("seccomp", (("inside/jail.py", "    seccomp.load(\n", "    str(\n"),)),
    # A namespace in which root is root can only be made by one who may give files capabilities.
    Layer("unprivileged user", (
        ("inside/template.py", "        confine.drop_uid(launch.uid)\n", ""),
        OWN_USER_NAMESPACE,
    )),
    Layer("no capabilities", (("inside/jail.py", "    confine.keep_only_capabilities()\n", ""),)),
    Layer("resource limits", (("inside/jail.py", "    confine.limit(limits)\n", ""),)),
    Layer("cgroups", (("wall/launch.py", "= find_cgroups()", "= find_cgroups(Path('/none'))"),)),
    Layer("closed descriptors", (("inside/job.py", CLOSING, ""),)),
    Layer("empty environment", (
        ("wall/template.py", "        env={},\n", ""),
        ("inside/warm.py", "    os.environ.clear()\n", ""),
        ("inside/job.py", "        os.environ.clear()\n", ""),
    )),
    Layer("static import policy", (("slot.py", BREACHES, "            breaches = ()\n"),), ("rules",)),
    Layer("poisoned library", (
        ("candidate.py", "poison=self._exercise.policy.poison if self.policy else (),", "poison=(),"),
        ("candidate.py", "banned=self._exercise.policy.banned if self.policy else (),", "banned=(),"),
    ), ("rules",)),
    Layer("self-probe", ()),
)  # fmt: skip


def main() -> None:
    """Turn off one layer after another, and say what gets through."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    chosen = [layer for layer in LAYERS if not options.only or layer.name in options.only]
    found = {layer.name: try_without(layer) for layer in chosen}
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    print("| turned off | gets through | with the self-probe |\n|---|---|---|")
    for name, result in found.items():
        print(f"| {name} | {', '.join(result['through']) or '–'} | {result['self_probe']} |")


def try_without(layer: Layer) -> dict[str, object]:
    """Grade the corpus without a layer; name the attacks that do not end as they should."""
    attacks = [a for a in read_corpus() if a.folder.parent.name in layer.classes and a.device == "cpu"]
    machine = os.uname().machine
    attacks = [
        a for a in attacks if a.expected.get("machine", machine) == machine and "known" not in a.expected
    ]
    # The source is shown beyond the wall; what is hidden must not lie beside it.
    with (
        tempfile.TemporaryDirectory(dir="/srv") as source,
        tempfile.TemporaryDirectory(dir="/var/tmp") as hidden,
    ):
        for place in (source, hidden):
            Path(place).chmod(0o755)  # nothing but the wall keeps anybody out
        grader = _copy(Path(source, "off"), (SELF_PROBE, *layer.edits))
        through = sorted(set(_grade(attacks, Path(hidden), grader)))
        with_probe = _copy(Path(source, "probed"), layer.edits)
        refused = subprocess.run(
            [sys.executable, "-P", "-c", "from grader.wall.probe import try_tier; print(try_tier('A'))"],
            capture_output=True, text=True, check=True, cwd=hidden, env=_environment(with_probe),
        ).stdout.strip()  # fmt: skip
    print(f"{layer.name}: {len(through)} of {len(attacks)} get through", file=sys.stderr)
    return {"attacks": len(attacks), "through": through, "self_probe": refused[-120:] or "starts"}


def _copy(folder: Path, edits: Sequence[Edit]) -> Path:
    """Copy the grader's source and edit it; return the folder to put on Python's path."""
    shutil.copytree(ROOT / "grader", folder / "grader", ignore=shutil.ignore_patterns("__pycache__"))
    for file, old, new in edits:
        path = folder / "grader" / file
        text = path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise SystemExit(f"{file} has changed: {old.strip()!r} stands there {text.count(old)} times")
        path.write_text(text.replace(old, new), encoding="utf-8")
    return folder


def _environment(grader: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(grader), "PYTHONDONTWRITEBYTECODE": "1"}


def _grade(attacks: Sequence[Attack], folder: Path, grader: Path) -> Iterator[str]:
    """Yield the attacks that got through, and "(...)" for what cannot be told apart."""
    stage = Stage(folder / "stage")
    course = folder / "course"
    shutil.copytree(ROOT / "tests" / "behaviours" / "course", course)
    (course / "submissions").mkdir()
    open_course(course)
    stage.plant_in(course)
    for attack in attacks:
        hand_in(attack, course, stage.words(course))
    exercises = sorted({attack.exercise for attack in attacks})
    for exercise in exercises:
        stage.plant_in_submission(hand_in_right(course, exercise, f"~{exercise}"))
    before = contents(stage.folder) | contents(course)
    command = [
        sys.executable,
        "-P",
        "-m",
        "grader",
        "run",
        "--device",
        "cpu",
        "--slots",
        "2",
        "--course",
        str(course),
    ]
    environment = {**_environment(grader), **stage.environment}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=1800, check=False, cwd=folder, env=environment
    )
    stage.ears.close()
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr)
    jobs = {
        s["name"]: s["jobs"]
        for s in json.loads((course / "reports" / "scores.json").read_text())["submissions"]
    }
    honest = {e: _job(jobs, f"~{e}", e)["score"] for e in exercises}
    yield from (
        f"({name} loses points)" for name, score in honest.items() if score["points"] != score["maximum"]
    )
    for attack in attacks:
        if not _as_expected(attack, jobs, course, honest[attack.exercise]):
            yield attack.name
    after = contents(stage.folder) | contents(course)
    changed = {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}
    yield from (f"({n} is changed)" for n in changed if not n.startswith((".grader", "reports")))
    yield from (f"({heard})" for heard in {h.split(":")[0] for h in stage.ears.heard})
    yield from ("(a file is left outside)" for _ in stage.found()[:1])
    written = b"".join(p.read_bytes() for p in course.glob("reports/**/*") if p.is_file())
    yield from ["(a secret is told)"] if SECRET.encode() in written else []


def _job(jobs: dict[str, list[dict]], name: str, exercise: str) -> dict:  # type: ignore[type-arg]
    return next(job for job in jobs[name] if job["exercise"] == exercise)


def _as_expected(attack: Attack, jobs: dict[str, list[dict]], course: Path, full: dict) -> bool:  # type: ignore[type-arg]
    job = _job(jobs, attack.name, attack.exercise)
    usual = {
        "others": "passed",
        "tests": {},
        "shows": [],
        "hides": [],
        "points": full["points"],
        "bonus": full["bonus"],
    }
    try:
        check_outcome(job, told(SimpleNamespace(root=course), attack.name, job), {**usual, **attack.expected})
    except AssertionError:
        return False
    return True


if __name__ == "__main__":
    main()
