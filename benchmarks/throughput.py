"""How fast is a whole class graded? Against what people do today, and against the students' own code.

    python benchmarks/throughput.py [--submissions 20] [--sample JOBS] [--apart-jobs JOBS] [-e NAME] [-o FILE]

Makes a synthetic class (see population.py) and measures, one after another in one run:

(a) one `python -m pytest` process per submission and exercise, as many at once as there are cores, with the
    same tests on the student's module in process and the same time limits (in_process.py);
(b) `grader run` over all of it, from nothing known to the reports;
(c) the floor: CPU seconds of the students' own functions alone, warm, divided by cores (floor.py).

With `--sample`, (a) and (c) are measured on that many jobs, drawn in proportion from every kind of solution
of every exercise, and taken for all. staticcache, where the C++ compiler takes most of the time, is measured
apart on a few submissions. Prints JSON. Goals on 2 cores: at least 4 times as fast as (a), at most 1.6
times (c).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import sys
import sysconfig
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import Cost, run
from population import Member, make_class

import grader
from grader.course import Course, find_course
from grader.doctor import core_count
from grader.exercise import Exercise

HERE = Path(__file__).parent
GRADER = Path(sysconfig.get_path("scripts")) / "grader"
SHARED_TESTS = Path(grader.__file__).parent / "shared_tests"
GOALS = {"speedup_over_pytest": 4.0, "ratio_to_floor": 1.6}
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
ONE_THREAD["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # whoever has more cannot be forked
PHASE_JOBS = 40  # graded once more to see where the time goes


@dataclass(frozen=True, slots=True)
class Task:
    """One submission on one exercise."""

    member: Member
    exercise: Exercise

    @property
    def stratum(self) -> tuple[str, str]:
        """What it is drawn by."""
        return self.exercise.name, self.member.solutions[self.exercise.name].what

    @property
    def name(self) -> str:
        """Name its files."""
        return f"{self.exercise.name}-{self.member.name}"


@dataclass(frozen=True, slots=True)
class Bench:
    """A course in a folder of its own, with a class in it."""

    course: Course
    members: Sequence[Member]
    folder: Path
    cores: int
    seed: int

    def tasks(self, exercises: Iterable[Exercise]) -> list[Task]:
        """Return every submission on each of these exercises."""
        return [Task(member, exercise) for exercise in exercises for member in self.members]

    def plugin(self, task: Task, kind: str) -> dict[str, Any]:
        """Return what the in-process plugin has to know."""
        return {
            "exercise": str(task.exercise.path),
            "answers": str(self.folder / "answers"),
            "student": str(self.course.submissions_path / task.member.name),
            "seed": self.seed,
            "result": str(self.folder / kind / f"{task.name}.json"),
        }

    def told(self, task: Task, kind: str) -> dict[str, Any]:
        """Read what the plugin left."""
        path = self.folder / kind / f"{task.name}.json"
        return json.loads(path.read_text()) if path.is_file() else {"student_cpu": 0.0, "tests": {}}


def lay_out(folder: Path, source: Path, names: Sequence[str], n: int, seed: int, cores: int) -> Bench:
    """Copy a course without its submissions, and put a class into it."""
    root = folder / "course"
    shutil.copytree(source / "exercises", root / "exercises", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(source / "grader.yaml", root)
    course = find_course(root)
    exercises = course.exercises(tuple(names))
    members = make_class(exercises, n, seed)
    for member in members:
        member.write(course.submissions_path / member.name, exercises)
    for exercise in exercises:
        answers = folder / "answers" / "exercises" / exercise.name
        answers.mkdir(parents=True)
        (answers / "solution.py").write_text(exercise.reference_source(), encoding="utf-8")
    return Bench(course, members, folder, cores, seed)


# ------------------------------------------------------------------------------------------- measuring
def measure_pytest(bench: Bench, tasks: Sequence[Task]) -> dict[str, Cost]:
    """Measure (a): a process per task, as many at once as there are cores."""
    (bench.folder / "pytest").mkdir(exist_ok=True)

    def one(task: Task) -> Cost:
        command = [
            sys.executable, "-m", "pytest", "-q", "-p", "in_process", "-p", "no:cacheprovider",
            "--import-mode=importlib", "-c", os.devnull, "--rootdir", str(bench.folder),
            *tests_of(task.exercise),
        ]  # fmt: skip
        environment = {
            **ONE_THREAD,
            "PYTHONPATH": str(HERE),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "IN_PROCESS": json.dumps(bench.plugin(task, "pytest")),
            "TMPDIR": str(bench.folder),
        }
        output = bench.folder / "pytest" / f"{task.name}.txt"
        return run(command, output=output, environment=environment, alone=False)

    with ThreadPoolExecutor(bench.cores) as pool:
        return {task.name: cost for task, cost in zip(tasks, pool.map(one, tasks), strict=True)}


def measure_floor(bench: Bench, tasks: Sequence[Task]) -> Cost:
    """Measure (c): the students' own functions, in forks of a warm process."""
    (bench.folder / "floor").mkdir(exist_ok=True)
    jobs = [{"plugin": bench.plugin(task, "floor"), "tests": tests_of(task.exercise)} for task in tasks]
    listing = bench.folder / "floor-jobs.json"
    listing.write_text(json.dumps(jobs))
    command = [sys.executable, str(HERE / "floor.py"), str(listing), "--cores", str(bench.cores)]
    return run(command, output=bench.folder / "floor.txt", environment=ONE_THREAD)


def measure_grader(bench: Bench, exercises: Sequence[Exercise], members: Sequence[Member] = ()) -> Cost:
    """Measure (b): `grader run`."""
    command = [
        str(GRADER),
        "run",
        *(m.name for m in members),
        "--course",
        str(bench.course.root),
        "--device",
        "cpu",
    ]
    command += ["--fresh", "--slots", str(bench.cores), "--seed", str(bench.seed)]
    command += [part for exercise in exercises for part in ("-e", exercise.name)]
    cost = run(command, output=bench.folder / "grader.txt")
    if cost.code:
        raise SystemExit(
            f"grader run ended with {cost.code}:\n{(bench.folder / 'grader.txt').read_text()[-2000:]}"
        )
    return cost


def measure_phases(bench: Bench, tasks: Sequence[Task]) -> dict[str, float]:
    """Return seconds per job and phase, of a slot that grades these tasks."""
    jobs = [
        {
            "course": str(bench.course.root),
            "exercise": task.exercise.name,
            "submission": task.member.name,
            "seed": bench.seed,
        }
        for task in tasks
    ]
    listing, output = bench.folder / "phase-jobs.json", bench.folder / "phases.txt"
    listing.write_text(json.dumps(jobs))
    run([sys.executable, str(HERE / "phases.py"), str(listing)], output=output, environment=ONE_THREAD)
    spent = json.loads(output.read_text().splitlines()[-1])
    return {phase: round(s / len(jobs), 4) for phase, s in sorted(spent.items(), key=lambda p: -p[1])}


def tests_of(exercise: Exercise) -> list[str]:
    """Return the folders with an exercise's tests."""
    folders = (exercise.path / "public_tests", exercise.path / "hidden_tests", SHARED_TESTS)
    return [str(folder) for folder in folders if folder.is_dir()]


# ------------------------------------------------------------------------------------------- reckoning
def draw(tasks: Sequence[Task], count: int | None, seed: int) -> list[Task]:
    """Draw from every stratum in proportion, and at least one."""
    if count is None or count >= len(tasks):
        return list(tasks)
    chance, drawn = random.Random(seed), []
    for stratum in strata(tasks).values():
        drawn += chance.sample(stratum, max(1, round(count * len(stratum) / len(tasks))))
    chance.shuffle(drawn)  # so that what runs side by side is a mix, too
    return drawn


def strata(tasks: Iterable[Task]) -> dict[tuple[str, str], list[Task]]:
    """Group tasks by exercise and kind of solution."""
    found: dict[tuple[str, str], list[Task]] = defaultdict(list)
    for task in tasks:
        found[task.stratum].append(task)
    return dict(found)


def project(seconds: Mapping[str, float], sample: Sequence[Task], tasks: Sequence[Task]) -> float:
    """Return the sum over all tasks, each taken for the mean of its stratum in the sample."""
    drawn = strata(sample)
    return sum(
        len(members) * statistics.fmean(seconds[task.name] for task in drawn[stratum])
        for stratum, members in strata(tasks).items()
    )


def compare_verdicts(bench: Bench, sample: Sequence[Task]) -> dict[str, object]:
    """Compare (a) and (b), test by test, on solutions that are right with all they build on."""
    scores = json.loads((bench.course.root / "reports" / "scores.json").read_text())
    graded = {
        (submission["name"], job["exercise"]): {test["name"]: test["outcome"] for test in job["tests"]}
        for submission in scores["submissions"]
        for job in submission["jobs"]
    }
    right = [task for task in sample if task.member.solutions[task.exercise.name].right]
    different, tests = [], 0
    for task in right:
        theirs, ours = bench.told(task, "pytest")["tests"], graded[task.member.name, task.exercise.name]
        for name, status in ours.items():
            if status == "ungradable":
                continue
            tests += 1
            if theirs.get(name) != status:
                different.append(f"{task.name} {name}: {status}, with pytest {theirs.get(name, 'not run')}")
    return {"right_solutions": len(right), "tests": tests, "different": different}


def measure(
    bench: Bench, exercises: Sequence[Exercise], tasks: Sequence[Task], sample: Sequence[Task]
) -> dict[str, Any]:
    """Measure (c), (a) and (b) on some exercises, and put them side by side."""
    members = list({task.member.name: task.member for task in tasks}.values())
    floor_cost = measure_floor(bench, sample)
    pytest_costs = measure_pytest(bench, sample)
    ours = measure_grader(bench, exercises, members if len(members) < len(bench.members) else ())
    student = project({t.name: bench.told(t, "floor")["student_cpu"] for t in sample}, sample, tasks)
    theirs = project({t.name: pytest_costs[t.name].seconds for t in sample}, sample, tasks) / bench.cores
    floor = student / bench.cores
    return {
        "jobs": len(tasks),
        "speedup_over_pytest": round(theirs / ours.seconds, 2),
        "ratio_to_floor": round(ours.seconds / floor, 2),
        "jobs_per_minute": round(60 * len(tasks) / ours.seconds, 1),
        "seconds": {"pytest": round(theirs, 1), "grader": round(ours.seconds, 1), "floor": round(floor, 1)},
        "cpu_seconds": {
            "grader": round(ours.cpu, 1),
            "students_alone": round(student, 1),
            "floor_measurement": round(floor_cost.cpu, 1),
        },
        "peak_memory": {
            "unit": "MiB",
            "coordinator": round(ours.own_memory),
            "grader_with_slots_and_workers": round(ours.all_memory),
            "one_pytest_process": round(max(cost.own_memory for cost in pytest_costs.values())),
        },
        "verdicts_of_right_solutions": compare_verdicts(bench, sample),
        "sample": {
            "pytest_and_floor_timed_on": len(sample),
            "of": len(tasks),
            "how": "all" if len(sample) == len(tasks) else
            "in proportion from every kind of solution of every exercise; its mean stands for the rest",
        },
        "phases_seconds_per_job": measure_phases(bench, draw(tasks, PHASE_JOBS, bench.seed)),
    }  # fmt: skip


def machine() -> dict[str, object]:
    """Say what this was measured on."""
    import torch

    model = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")), platform.machine(),
    )  # fmt: skip
    return {
        "cpu": model,
        "cores": core_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.release(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "load_before": [round(x, 2) for x in os.getloadavg()],
        "date": time.strftime("%Y-%m-%d %H:%M"),
    }


def mix(members: Sequence[Member]) -> dict[str, object]:
    """Say what the class is made of."""
    return {
        "submissions": dict(Counter(member.kind for member in members)),
        "solutions": dict(Counter(s.what for member in members for s in member.solutions.values())),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", "--submissions", type=int, default=20, metavar="N")
    parser.add_argument(
        "--sample", type=int, metavar="JOBS", help="jobs that (a) and (c) are measured on; all"
    )
    parser.add_argument("-e", "--exercise", action="append", metavar="NAME", help="all but the one apart")
    parser.add_argument("--apart", default="staticcache", metavar="EXERCISE", help="measured apart")
    parser.add_argument("--apart-jobs", type=int, default=4, metavar="JOBS", help="0: leave it out")
    parser.add_argument("--course", type=Path, default=HERE.parent)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    before = machine()
    with tempfile.TemporaryDirectory(prefix="throughput-") as folder:
        names = find_course(arguments.course).exercise_names
        bench = lay_out(
            Path(folder), arguments.course, names, arguments.submissions, arguments.seed, core_count()
        )
        chosen = arguments.exercise or [name for name in names if name != arguments.apart]
        together = bench.course.exercises(tuple(chosen))
        tasks = bench.tasks(together)
        report = measure(bench, together, tasks, draw(tasks, arguments.sample, arguments.seed))
        report = {"goals": GOALS, **report, "machine": before, "class": mix(bench.members)}
        if arguments.apart in names and arguments.apart_jobs:
            apart = bench.course.exercises((arguments.apart,))
            few = draw(bench.tasks(apart), arguments.apart_jobs, arguments.seed)
            report[arguments.apart] = measure(bench, apart, few, few)
    text = json.dumps(report, indent=2, ensure_ascii=False)
    if arguments.output:
        arguments.output.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
