"""Nothing hidden in anything a student is shown: real submissions, every report, every line searched.

Hidden are the code of hidden tests, references, mutants and variants, the inputs that tests are called
with, the values they expect, the seed, and where the course lies. Shown on purpose are titles, hints,
what checks say, and everything that students have anyway.
"""

import io
import json
import re
import shutil
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

from grader.course import find_course
from grader.feedback import made_by_hand
from grader.job import Job
from grader.nulls import null_sources
from grader.reports.terminal import make_console, score_table, submission_detail
from grader.reports.view import Gradebook, make_row
from grader.reports.write import write_all
from grader.schedule import plan_slots, run_jobs
from grader.wall.probe import best_tier

ROOT = Path(__file__).parent.parent
COURSE = find_course(ROOT)
EXERCISES = COURSE.exercises()
SEED = 739184655217
LONG = 30  # characters of code that cannot stand somewhere by chance
HIDDEN = ("hidden_tests", "reference", "mutants", "variants")
SHOWN = ("starter", "public_tests", "kit")
DECIMAL = re.compile(r"\d*\.\d+(?:e[-+]?\d+)?")
# Says all it knows: what it is called with, and what it can see from inside.
TELLS_ALL = """
class Told(Exception):
    pass


def tell(*args, **kwargs):
    print("called with", args, kwargs)
    raise Told(str([a.flatten().tolist() if isinstance(a, Tensor) else a for a in args]) + str(kwargs))


apply_temperature = top_k_filter = top_p_filter = sample = min_p_filter = tell
"""
CHATTY_SEARCH = """
def beam_search(log_prob_fn, prefix, *rest, **more):
    raise ValueError(f"{prefix} {rest} {more} {log_prob_fn([prefix]).tolist()}")
"""


def code_lines(path):
    """Return the lines of a program that hold enough code, strings and comments left out."""
    source = path.read_text(encoding="utf-8")
    words = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in (tokenize.STRING, tokenize.COMMENT):
            words.setdefault(token.start[0], []).append(token.string.strip())
    lines = source.splitlines()
    return {lines[n - 1].strip() for n, found in words.items() if n and sum(map(len, found)) >= LONG}


def programs(folders):
    return {p for e in EXERCISES for f in folders for p in (e.path / f).rglob("*.py")}


def secret_lines():
    """Return the code that is nowhere among what students have."""
    shown = {line for path in programs(SHOWN) for line in code_lines(path)}
    return {line for path in programs(HIDDEN) for line in code_lines(path)} - shown


def submissions():
    """Return, by name, files of `sampling` that make mistakes of all kinds."""
    sampling = next(e for e in EXERCISES if e.name == "sampling")
    reference, mutants = sampling.reference_source(), {m.name: m for m in sampling.mutants()}
    by_hand = {f"{g.mutant.name}-{g.variant}": g.source for g in made_by_hand(sampling)}
    wanted = ("b16_eos_dropped-plain_lists", "x6_steps_shared-plain_lists")
    return {
        "starter": sampling.starter_files(),
        "mutant": sampling.mutant_files(mutants["p2_one_more_shifted"]),
        **{f"hand-{n}": sampling.solution_files(by_hand[name]) for n, name in enumerate(wanted)},
        "tells-all": sampling.solution_files(reference + TELLS_ALL + CHATTY_SEARCH),
        "does-not-load": sampling.solution_files(reference + "\nraise ValueError(torch.randn(3))\n"),
    }


@pytest.fixture(scope="module")
def course_run(tmp_path_factory):
    """Grade `sampling` by the real command line; return (folder of the course, all that came out)."""
    course = tmp_path_factory.mktemp("secret-place") / "course"
    shutil.copytree(ROOT / "exercises" / "sampling", course / "exercises" / "sampling")
    manifest = "title: {en: A course, zh: 课程}\nwall: auto\nexercises: [sampling]\n"
    (course / "grader.yaml").write_text(manifest, encoding="utf-8")
    for name, files in submissions().items():
        for path, content in files.items():
            target = course / "submissions" / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    names = list(submissions())
    command = [sys.executable, "-m", "grader"]
    run = [*command, "run", *names, "--seed", str(SEED), "--device", "cpu", "--course", str(course)]
    said = [subprocess.run(run, check=True, capture_output=True, text=True).stdout]
    for lang in ("zh", "en"):
        report = [*command, "report", *names, "--lang", lang, "--course", str(course)]
        report += ["--reports", str(course / f"reports-{lang}")]
        said.append(subprocess.run(report, check=True, capture_output=True, text=True).stdout)
    for_students = "\n".join(line for line in "\n".join(said).splitlines() if str(course / "rep") not in line)
    return course, for_students + written(course / "reports-en") + written(course / "reports-zh")


def written(folder):
    """Return all report files as one text, JSON with its escapes resolved as well."""
    files = [p.read_text(encoding="utf-8") for p in sorted(folder.rglob("*")) if p.is_file()]
    return "\n".join([*files, *strings(json.loads((folder / "scores.json").read_text(encoding="utf-8")))])


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


@pytest.fixture(scope="module")
def nulls_shown(tmp_path_factory):
    """Return what reports say of a solution of every exercise that fails nearly every test."""
    rows, jobs = [], []
    for exercise in EXERCISES:
        files = exercise.solution_files(null_sources(exercise)["nan"])
        quick = tuple(spec.name for spec in exercise.tests if not spec.needs)
        jobs.append(Job(exercise.name, "nan", "cpu", files, SEED, quick, diagnose=False))
    exercises = {e.name: e for e in EXERCISES}
    for result in run_jobs(jobs, plan_slots(EXERCISES, best_tier().tier, "cpu"), 2):
        assert not result.fault, result.fault
        rows.append(make_row(result, exercises[result.exercise].tests, exercises[result.exercise].title))
    book = Gradebook(tuple(rows), exercises=tuple(exercises))
    folder, screen = tmp_path_factory.mktemp("reports"), io.StringIO()
    write_all(book, folder)
    console = make_console(screen)
    for lang in ("en", "zh"):
        console.print(score_table(book, lang), *(submission_detail(book, n, lang) for n in book.submissions))
    return rows, screen.getvalue() + written(folder)


def assert_holds_nothing_hidden(text):
    flat = " ".join(text.split())
    assert [line for line in secret_lines() if " ".join(line.split()) in flat] == []
    assert str(SEED) not in text
    assert not re.search(r"hidden_tests|samples\.py|reference/|mutants/|variants/|_fixtures\b", text)
    assert str(ROOT) not in text


def test_secrets_are_known():
    """The search is for something: code of every exercise and folder."""
    secrets = secret_lines()
    assert len(secrets) > 300
    for path in programs(HIDDEN):
        if len(code_lines(path)) > 30:
            assert code_lines(path) & secrets, path


def test_the_search_finds_what_is_there():
    line = max(secret_lines(), key=len)
    with pytest.raises(AssertionError):
        assert_holds_nothing_hidden(f"so {line} it is")
    with pytest.raises(AssertionError):
        assert_holds_nothing_hidden(f"seed {SEED}")


def test_reports_of_a_real_run_hold_nothing_hidden(course_run):
    course, text = course_run
    assert "Your top-p keeps one token too many" in text  # the hints are in it ...
    assert "你的 top-p 多保留了一个 token" in text
    assert "your code raised Told" in text  # ... and what was provoked
    assert_holds_nothing_hidden(text)
    assert str(course) not in text
    assert course.parent.name not in text


def test_reports_of_the_tiny_course_hold_nothing_hidden(behaviours_run):
    """Crashes, floods, forgeries, exceptions: every behaviour there is."""
    folder = behaviours_run.course.root / "reports"
    text = written(folder)
    assert "271828" not in text
    assert str(behaviours_run.course.root) not in text
    for path in behaviours_run.course.exercise.glob("hidden_tests/*.py"):
        assert [line for line in code_lines(path) if line in text] == []


def test_reports_on_every_exercise_hold_nothing_hidden(nulls_shown):
    rows, text = nulls_shown
    assert {row.exercise for row in rows} == {e.name for e in EXERCISES}
    assert_holds_nothing_hidden(text)


def test_messages_of_hidden_tests_hold_no_values(course_run, nulls_shown):
    """No decimal but one-digit magnitudes, and limits or examples that a handout states."""
    course, _ = course_run
    handouts = "".join(p.read_text(encoding="utf-8") for e in EXERCISES for p in e.path.glob("README*.md"))
    stated = set(DECIMAL.findall(handouts))
    scores = json.loads((course / "reports" / "scores.json").read_text(encoding="utf-8"))
    messages = [
        text
        for submission in scores["submissions"]
        for job in submission["jobs"]
        for test in job["tests"]
        if not test["public"]
        for text in test["message"].values()
    ]
    cases = [case for row in nulls_shown[0] for case in row.cases if not case.spec.public]
    messages += [text for case in cases for text in (case.message.en, case.message.zh)]
    assert len(messages) > 400
    told = {n for text in messages for n in DECIMAL.findall(text) if significant(n) > 2 and n not in stated}
    assert told == set()


def significant(number):
    """Count the digits of a number that say something."""
    return len(number.lower().partition("e")[0].replace(".", "").lstrip("0"))


def test_what_is_stored_beside_the_results_is_in_no_report(course_run):
    course, _ = course_run
    scores = json.loads((course / "reports" / "scores.json").read_text(encoding="utf-8"))
    assert {"margins", "seed", "fault"}.isdisjoint(keys(scores))


def keys(value):
    if isinstance(value, dict):
        return set(value).union(*map(keys, value.values()))
    return set().union(*map(keys, value)) if isinstance(value, list) else set()
