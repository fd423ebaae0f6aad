"""How long does it take to grade a class again of which nothing changed? Reports included.

Makes a course with N submissions of all five exercises and puts a result of each into the store, as if
they had been graded; then measures the real command line: the first run, which writes all reports; a second
one, of which nothing changed; one after a single submission got a new result; `grader report`, `grader diff`.
One submission is really graded, for the ratio to the full run. Prints JSON. Goal: the second run below 3 s.

    python benchmarks/regrade.py [--submissions 1000] [--skip-full]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sysconfig
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from grader.course import Course, find_course
from grader.exercise import Exercise
from grader.job import JobResult, State, Status, TestResult, Text
from grader.plan import Conditions, Planner
from grader.run import choose_tier
from grader.spool import Spool
from grader.store import Store
from grader.submission import list_submissions

ROOT = Path(__file__).parent.parent
GRADER = Path(sysconfig.get_path("scripts")) / "grader"
MESSAGE = Text(
    "logits through the cache: relative error 6e-01, allowed 1e-05",
    "logits through the cache：相对误差 6e-01，允许 1e-05",
)
HINT = Text(
    "With a cache, positions go on where it ends. Yours start at 0 again in every call.",
    "使用缓存时，位置应接着缓存的末尾往后数；而你每次调用都从 0 重新开始。",
)


def make_course(folder: Path, submissions: int) -> Course:
    """Copy the exercises and hand in N solutions of each, no two of them equal."""
    shutil.copytree(ROOT / "exercises", folder / "exercises")
    shutil.copy(ROOT / "grader.yaml", folder)
    (folder / "submissions").mkdir()
    course = find_course(folder)
    files = {}
    for exercise in course.exercises():
        files |= exercise.solution_files(exercise.reference_source())
    for index in range(submissions):
        student = folder / "submissions" / f"student-{index:04}"
        for path, content in files.items():
            target = student / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content + (f"\n# {index}\n".encode() if path.endswith(".py") else b""))
    return course


def make_result(exercise: Exercise, submission: str, dice: random.Random) -> JobResult:
    """Make up a result: most tests pass, some do not, with the texts that such tests come with."""
    right = dice.choice((1.0, 0.95, 0.95, 0.6))

    def test(name: str, devices: tuple[str, ...]) -> TestResult:
        if devices == ("cuda",):
            return TestResult(name, Status.UNGRADABLE, message=Text("needs: cuda", "需要：cuda"))
        if dice.random() < right:
            margins = (("logits", dice.random()), ("keys", dice.random()))
            return TestResult(name, Status.PASSED, 1.0, seconds=round(dice.random(), 4), margins=margins)
        return TestResult(name, Status.FAILED, seconds=0.1, message=MESSAGE, hint=HINT)

    tests = tuple(test(spec.name, spec.devices) for spec in exercise.tests)
    return JobResult(exercise.name, submission, "cpu", State.GRADED, tests, 4.2, "A", "cgroup", seed=7)


def fill(course: Course) -> None:
    """Store a result of every job."""
    dice = random.Random(1)
    exercises = course.exercises()
    tier = choose_tier(course, "cpu", no_sandbox=False)
    planner = Planner(exercises, Conditions("cpu", tier))
    table = {exercise.name: exercise for exercise in exercises}
    with Store(course.store_path) as store:
        submissions = list_submissions(course.submissions_path)
        commits = dict.fromkeys((s.name for s in submissions), "")
        with Spool(course.store_path.parent) as spool:
            plan = planner.plan(submissions, commits, store, spool)
        for key, job in plan.jobs.items():
            result = replace(make_result(table[job.exercise], job.submission, dice), wall=tier)
            store.put(key, plan.marks[key].on(result))


def grader(course: Path, *arguments: str) -> tuple[float, str]:
    """Run the real command line; return seconds and what it said."""
    started = time.perf_counter()
    command = [str(GRADER), *arguments, "--course", str(course)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr}")
    return round(time.perf_counter() - started, 2), done.stdout


def run_known(course: Path, known: int) -> float:
    """Run on a class of which everything is known."""
    seconds, said = grader(course, "run", "--device", "cpu")
    if f"0 jobs to grade, {known} known already" not in said:
        raise SystemExit(f"not everything was known: {said[:200]}")
    return seconds


def change_one(course: Course) -> None:
    """Give one submission a new result, as after `--fresh`."""
    with Store(course.store_path) as store:
        stored = next(store.latest("student-0000"))
        tests = tuple(replace(test, status=Status.FAILED, fraction=0.0) for test in stored.result.tests)
        store.put(stored.key, replace(stored.result, tests=tests))


def jobs_after_an_edit(course: Course) -> dict[str, int]:
    """Count, by exercise, what is to be graded again after one hidden test of llamascratch was edited."""
    path = next((course.root / "exercises" / "llamascratch" / "hidden_tests").glob("test_*.py"))
    path.write_text(path.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    tier = choose_tier(course, "cpu", no_sandbox=False)
    with Store(course.store_path) as store:
        submissions = list_submissions(course.submissions_path)
        planner = Planner(course.exercises(), Conditions("cpu", tier))
        commits = dict.fromkeys((s.name for s in submissions), "")
        with Spool(course.store_path.parent) as spool:
            plan = planner.plan(submissions, commits, store, spool)
    names = [job.exercise for job in plan.jobs.values()]
    return {name: names.count(name) for name in course.exercise_names}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=1000)
    parser.add_argument("--skip-full", action="store_true", help="do not grade a submission for the ratio")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        course = make_course(Path(folder) / "course", asked.submissions)
        fill(course)
        jobs = asked.submissions * len(course.exercise_names)
        first = run_known(course.root, jobs)
        again = [run_known(course.root, jobs) for _ in range(3)]
        report, _ = grader(course.root, "report")
        change_one(course)
        diff, said = grader(course.root, "diff")
        one_changed = run_known(course.root, jobs)
        reports = sum(f.stat().st_size for f in (course.root / "reports").rglob("*") if f.is_file())
        figures = {
            "submissions": asked.submissions,
            "jobs": jobs,
            "cores": len(os.sched_getaffinity(0)),
            "first_run_writing_all_reports_s": first,
            "unchanged_s": sorted(again),
            "goal_s": 3,
            "report_s": report,
            "diff_s": diff,
            "diff_finds": int(re.findall(r"(\d+) scores? change", said)[0]),
            "one_changed_s": one_changed,
            "reports_MB": round(reports / 1e6),
            "store_MB": round(course.store_path.stat().st_size / 1e6),
        }
        if not asked.skip_full:
            seconds, _ = grader(course.root, "run", "student-0000", "--fresh", "--device", "cpu")
            figures["graded_for_real_s"] = seconds
            figures["full_run_estimate_s"] = round(seconds * asked.submissions)
            figures["ratio_full_to_unchanged"] = round(seconds * asked.submissions / sorted(again)[1])
        figures["to_grade_after_editing_a_test_of_llamascratch"] = jobs_after_an_edit(course)
        print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
