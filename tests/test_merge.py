"""`grader run --shard` and `grader merge`: all parts make the whole, and nothing else gets in."""

import contextlib
import json
import os
import signal
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.bundle import FORMAT, About, Shard, bundle_bytes, judge_digest, parse_shard, read_bundle
from grader.course import read_course
from grader.errors import UngradedError, UsageError
from grader.job import JobResult, Reason, State, Status, TestResult
from grader.merge import Merged, Part, graded, merge
from grader.run import stored
from grader.store import Store, Stored

CLASS = ("crashes_half_way", "missing_file", "passes", "violates_policy", "wrong")
COUNT = 2
EARLY, LATE = "2026-01-01T10:00:00+00:00", "2026-01-01T12:00:00+00:00"


# ------------------------------------------------------------------ by the real command line


@pytest.fixture(scope="module")
def parts(tmp_path_factory, make_course):
    """The files of both parts of a class, each graded in a copy of the course of its own."""
    folder = tmp_path_factory.mktemp("parts")
    files = []
    for number in range(1, COUNT + 1):
        course = make_course(folder / f"course-{number}")
        course.submit(*CLASS)
        files.append(folder / f"{number}.jsonl")
        done = course.grader(
            "run", "--device", "cpu", f"--shard={number}/{COUNT}", f"--out={files[-1]}", "--wall=auto"
        )
        assert done.returncode == 0, done.stderr
    return files


@pytest.fixture
def class_of(course):
    course.submit(*CLASS)
    return course


def test_all_parts_make_the_whole(parts, class_of, behaviours_run, tmp_path):
    done = class_of.grader("merge", *map(str, parts), "--out", str(tmp_path / "all.jsonl"))
    assert (done.returncode, done.stdout) == (0, "5 new results\n")
    assert class_of.grader("report").returncode == 0
    merged = {name: job["score"] for name, job in class_of.scores().items()}
    assert merged == {name: behaviours_run.scores[name]["score"] for name in CLASS}
    assert class_of.grader("merge", "--kept", str(tmp_path / "all.jsonl")).stdout == "0 new results\n"


def test_a_part_that_is_missing_is_named_and_the_rest_is_merged(parts, class_of):
    done = class_of.grader("merge", str(parts[0]))
    assert done.returncode == 3
    assert done.stdout == "3 new results\nmissing: part 2/2 (cpu)\n"
    assert class_of.grader("report").returncode == 0
    assert set(class_of.scores()) == Shard(1, 2).members(CLASS)


def test_what_is_merged_is_known_to_the_next_run(parts, class_of):
    class_of.grader("merge", *map(str, parts))
    done = class_of.grader("run", "--device", "cpu")
    assert "0 jobs to grade, 5 known already" in done.stdout
    asked = sorted(Shard(1, 2).members(CLASS))[:1] + sorted(Shard(2, 2).members(CLASS))[:1]
    done = class_of.grader("run", *asked, "--device", "cpu", "--shard", "1/2")
    assert "0 jobs to grade, 1 known already" in done.stdout
    assert [name for name in asked if f"{name} · Vectors" in done.stdout] == asked[:1]


def test_a_student_of_whom_nothing_is_known_yet_is_no_error(class_of):
    assert class_of.grader("report", "passes").returncode == 0


def test_fill_grades_only_what_another_device_left_open(parts, class_of, tmp_path):
    about, *lines = (json.loads(line) for path in parts for line in path.read_text().splitlines())
    lines = [line for line in lines if "result" in line]
    for line in lines:
        line["result"]["device"] = "cuda"
        line["key"] = f"gpu {line['key']}"[:64]
    of_gpu = [{"format": about["format"], "kept": True}, *lines]
    (tmp_path / "gpu.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in of_gpu))
    assert class_of.grader("merge", "--kept", str(tmp_path / "gpu.jsonl")).stdout == "5 new results\n"
    done = class_of.grader("run", "wrong", "missing_file", "violates_policy", "--device", "cpu", "--fill")
    assert "1 jobs to grade, 0 known already" in done.stdout
    changed = class_of.root / "submissions" / "passes" / "exercises" / "vectors" / "solution.py"
    changed.write_text(f"{changed.read_text()}\n# another version\n")
    done = class_of.grader("run", "passes", "--device", "cpu", "--fill")
    assert "0 jobs to grade, 0 known already" in done.stdout


def test_a_run_that_is_cut_short_hands_on_what_it_has(class_of, tmp_path):
    class_of.submit("hangs_in_call")
    out = tmp_path / "part.jsonl"
    command = class_of.command("run", "--device", "cpu", "--slots", "1", "--out", str(out))
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as running:
        for said in running.stdout:
            if said.startswith("[1/"):
                running.send_signal(signal.SIGINT)
        assert running.wait(300) == 130
    bundle = read_bundle(out)
    assert len(bundle.about.jobs) == 6
    assert 1 <= len(bundle.results) < 6
    done = class_of.grader("merge", str(out))
    assert done.returncode == 3
    assert done.stdout.count("missing: ") == 6 - len(bundle.results)


def test_results_of_changed_tests_are_refused(parts, class_of):
    class_of.edit("exercise.yaml", "limits: {cpu: 3,", "limits: {cpu: 4,")
    done = class_of.grader("merge", *map(str, parts))
    assert done.returncode == 2
    assert "vectors was graded with other tests, or by another grader; grade it anew" in done.stderr
    assert "Traceback" not in done.stderr


# ------------------------------------------------------------------ what a file may hold


@pytest.fixture
def here(course):
    """The course as an object, with three students who have handed in nothing."""
    for name in ("alice", "bob", "carol"):
        (course.root / "submissions" / name).mkdir()
    return read_course(course.root)


def result_of(course, name, device="cpu", snapshot="s", **tests):
    exercise = course.exercise("vectors")
    given = [(spec.name, tests.get(spec.name, Status.PASSED)) for spec in exercise.tests]
    ends = tuple(TestResult(test, status, float(status is Status.PASSED)) for test, status in given)
    judge = judge_digest(exercise)
    return JobResult("vectors", name, device, State.GRADED, ends, judged_by=judge, snapshot=snapshot)


def line_of(result, stored=EARLY, commit="", key=None):
    return Stored(key or f"{result.submission} {result.device} {stored}", commit, stored, result)


def about_run(course, graded, **changes):
    about = About(
        FORMAT,
        kept=False,
        device="cpu",
        versions=(("torch", "2.9"),),
        judged_by={"vectors": judge_digest(course.exercise("vectors"))},
        submissions=("alice", "bob", "carol"),
        jobs=tuple((name, "vectors") for name in graded),
    )
    return msgspec.structs.replace(about, **changes)


@pytest.fixture
def write(tmp_path):
    def written(about, *lines, name="run.jsonl"):
        (tmp_path / name).write_bytes(bundle_bytes(about, lines))
        return tmp_path / name

    return written


def test_every_name_is_in_one_part_and_the_parts_are_equal():
    names = [f"student-{number}" for number in range(23)]
    parts = [Shard(number, 4).members(names) for number in range(1, 5)]
    assert sorted(map(len, parts)) == [5, 6, 6, 6]
    assert sorted(name for part in parts for name in part) == sorted(names)
    assert Shard(2, 4).members(reversed(names)) == parts[1]
    assert Shard().members(names) == set(names)


@pytest.mark.parametrize("text", ["0/2", "3/2", "1/0", "1", "a/b", "1/2/3", "-1/2", ""])
def test_a_part_is_a_number_of_a_count(text):
    with pytest.raises(UsageError, match="write NUMBER/COUNT"):
        parse_shard(text)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"judged_by": {"vectors": "0"}}, "graded with other tests"),
        ({"judged_by": {"scales": "0"}}, "no exercise 'scales' here"),
        ({"submissions": ("alice", "bob", "carol", "mallory")}, "'mallory' is no student here"),
        ({"jobs": (("bob", "vectors"),)}, "holds alice vectors"),
        ({"device": "cuda"}, r"run.jsonl, line 2: holds alice vectors \(cpu\)"),
        ({"shard": (3, 2)}, "there is no such part"),
        ({"shard": (2, 2)}, "undertook what is not in its part 2/2"),
        ({"shard": (2, 2), "submissions": ("alice",)}, "undertook what is not in its part 2/2"),
        ({"jobs": (("alice", "vectors"),) * 2}, "undertook what is not in its part 1/1"),
        ({"jobs": (("alice", "vectors"), ("alice", "scales"))}, "undertook what is not in its part"),
    ],
)
def test_a_run_that_does_not_fit_is_refused_whole(here, write, changes, problem):
    path = write(about_run(here, ["alice"], **changes), line_of(result_of(here, "alice")))
    with pytest.raises(UsageError, match=problem):
        merge(here, [path])
    with Store(here.store_path) as store:
        assert list(store.latest()) == []


def test_a_result_outside_its_part_is_refused(here, write):
    names = ("alice", "bob", "carol")
    (stranger,) = sorted(Shard(2, 2).members(names))[:1]
    path = write(about_run(here, [stranger], shard=(1, 2)), line_of(result_of(here, stranger)))
    with pytest.raises(UsageError, match="undertook what is not in its part 1/2"):
        merge(here, [path])
    path = write(about_run(here, [], shard=(1, 2)), line_of(result_of(here, stranger)))
    with pytest.raises(UsageError, match=f"holds {stranger} vectors .cpu., which is not in its part 1/2"):
        merge(here, [path])


def test_a_result_twice_in_one_run_is_refused(here, write):
    twice = [line_of(result_of(here, "alice")), line_of(result_of(here, "alice"), LATE)]
    with pytest.raises(UsageError, match="not in its part"):
        merge(here, [write(about_run(here, ["alice"]), *twice)])


def end(result, name, **changes):
    """Return the result with one of its tests ended otherwise."""
    tests = [replace(test, **changes) if test.name == name else test for test in result.tests]
    return replace(result, tests=tuple(tests))


IMPOSSIBLE = {
    "a test that does not exist": lambda r: replace(r, tests=(*r.tests, TestResult("test_x", Status.PASSED))),
    "a test that is left out": lambda r: replace(r, tests=r.tests[1:]),
    "a test twice": lambda r: replace(r, tests=(*r.tests, r.tests[0])),
    "another order": lambda r: replace(r, tests=r.tests[::-1]),
    "graded without tests": lambda r: replace(r, tests=()),
    "ungraded with points": lambda r: replace(r, state=State.UNGRADED),
    "missing with points": lambda r: replace(r, state=State.MISSING),
    "a fault where it is graded": lambda r: replace(r, fault="Traceback"),
    "points for an error": lambda r: end(r, "test_dot", status=Status.ERROR, fraction=1.0),
    "points for a skipped test": lambda r: end(r, "test_angle", status=Status.SKIPPED, fraction=0.5),
    "killed for no reason": lambda r: end(r, "test_dot", status=Status.KILLED, fraction=0.0),
    "a reason without a kill": lambda r: end(r, "test_dot", reason=Reason.CPU),
    "a kit where there is none": lambda r: end(r, "test_dot", status=Status.FAILED, fraction=0.0, kit=1.0),
    "what a hidden test printed": lambda r: end(r, "test_dot", output="secret"),
}


@pytest.mark.parametrize("forge", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
@pytest.mark.parametrize("kept", [False, True], ids=["a run", "kept"])
def test_a_result_that_cannot_be_is_refused_whole_with_its_line(here, write, forge, kept):
    honest, forged = result_of(here, "alice"), forge(result_of(here, "bob"))
    about = About(FORMAT, kept=True) if kept else about_run(here, ["alice", "bob"])
    path = write(about, line_of(honest), line_of(forged))
    files = {"kept": [path]} if kept else {"paths": [path]}
    with pytest.raises(UsageError, match=r"run.jsonl, line 3: bob vectors was not graded by a grader: "):
        merge(here, **{"paths": [], **files})
    with Store(here.store_path) as store:
        assert list(store.latest()) == []


# Text that stands in a line, and what stands there instead: no clock, measure or digest is like that.
TOMORROW = f"{(datetime.now(UTC) + timedelta(days=1)).isoformat()[:19]}+00:00"
OF_ALICE = '"submission":"alice","device":'
OUT_OF_RANGE = {
    "frozen for ever": (f'"stored":"{EARLY}"', '"stored":"9999-12-31T00:00:00+00:00"'),
    "tomorrow": (f'"stored":"{EARLY}"', f'"stored":"{TOMORROW}"'),
    "no day": (f'"stored":"{EARLY}"', '"stored":"2026-02-31T00:00:00+00:00"'),
    "digits of another script": (f'"stored":"{EARLY}"', '"stored":"٢٠٢٦-01-01T10:00:00+00:00"'),
    "a line break": (f'"stored":"{EARLY}"', f'"stored":"{EARLY}\\n"'),
    "fifty times the points": ('"fraction":1.0', '"fraction":50'),
    "less than nothing": ('"fraction":1.0', '"fraction":-1'),
    "not a number": ('"fraction":1.0', '"fraction":NaN'),
    "infinite": ('"fraction":1.0', '"fraction":1e999'),
    "negative time": ('"seconds":0.0', '"seconds":-1'),
    "endless time": ('"seconds":0.0', '"seconds":1e300'),
    "a seed of 5000 digits": ('"seed":0', f'"seed":{"9" * 5000}'),
    "a device that is none": (f'{OF_ALICE}"cpu"', f'{OF_ALICE}"c"'),
    "a sandbox that is none": ('"wall":""', '"wall":"\\u001b[2J"'),
    "a limit that is none": ('"memory_limit":""', '"memory_limit":"::error::"'),
    "a commit that leads elsewhere": ('"commit":""', '"commit":"../../../user"'),
    "a key without end": ('"key":"', f'"key":"{"k" * 1000}'),
    "a message without end": ('"message":{"en":""', f'"message":{{"en":"{"x" * (2 << 20)}"'),
    "a state that is none": ('"state":"graded"', '"state":"excellent"'),
    "a place before the file": ('"place":null', '"place":{"file":"a.py","line":-3}'),
    "fewer lines than none": ('"files":[]', '"files":[["a.py",-1]]'),
    "more than there is": ('"commit":""', '"commit":"","points":100'),
}  # fmt: skip


@pytest.mark.parametrize(("there", "instead"), OUT_OF_RANGE.values(), ids=OUT_OF_RANGE)
def test_a_value_out_of_its_range_is_refused_with_its_line(here, write, there, instead):
    path = write(about_run(here, ["alice"]), line_of(result_of(here, "alice")))
    about, result = path.read_text().splitlines()
    assert there in result
    path.write_text(f"{about}\n{result.replace(there, instead, 1)}\n")
    with pytest.raises(UngradedError, match=r"run\.jsonl, line 2: ") as caught:
        merge(here, [path])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000
    with Store(here.store_path) as store:
        assert list(store.latest()) == []


def test_a_clock_that_is_a_little_ahead_freezes_nothing(here, write):
    ahead = (datetime.now(UTC) + timedelta(minutes=2)).isoformat(timespec="seconds")
    assert merge(here, [write(about_run(here, ["alice"]), line_of(result_of(here, "alice"), ahead))]).added
    with Store(here.store_path) as store:
        (latest,) = store.latest()
    assert latest.stored < ahead


def test_what_a_run_calls_kept_is_not_merged(here, write):
    """Else a runner could write whatever it likes of other parts' students."""
    path = write(About(FORMAT, kept=True), line_of(result_of(here, "alice")))
    with pytest.raises(UsageError, match="if it is yours, give it as --kept"):
        merge(here, [path])
    with pytest.raises(UsageError, match="if it is yours, give it as --kept"):
        merge(here, [], parts=[Part(Shard(1, 1), "cpu", path)])
    run = write(about_run(here, ["alice"]), line_of(result_of(here, "alice")))
    with pytest.raises(UsageError, match="is what a run has graded"):
        merge(here, [], kept=[run])
    with Store(here.store_path) as store:
        assert list(store.latest()) == []


@pytest.mark.parametrize(("shard", "device"), [(Shard(1, 2), "cpu"), (Shard(1, 1), "cuda")])
def test_which_part_a_file_is_can_be_known_better_than_it_says(here, write, shard, device):
    path = write(about_run(here, ["alice"]), line_of(result_of(here, "alice")))
    with pytest.raises(UsageError, match=r"says that it is part 1/1 .cpu., but is part"):
        merge(here, [], parts=[Part(shard, device, path)])
    assert merge(here, [], parts=[Part(Shard(1, 1), "cpu", path)]).added == 1


def test_whom_a_run_lists_does_not_decide_who_is_in_its_part(here, write):
    """Listing a victim alone, any part of a class would hold it."""
    (victim, *_) = sorted(Shard(2, 2).members(("alice", "bob", "carol")))
    about = about_run(here, [victim], shard=(1, 2), submissions=(victim,))
    with pytest.raises(UsageError, match="undertook what is not in its part 1/2"):
        merge(here, [write(about, line_of(result_of(here, victim)))])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def slots_of(value, path=()):
    """Yield the path of every value inside."""
    yield path
    for key, item in (
        value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    ):
        yield from slots_of(item, (*path, key))


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_stands_in_a_file_a_score_stays_a_score_of_its_own_part(here, write, data):
    """One value anywhere is replaced by anything: one clear line, or a result that could have been graded."""
    names = ("alice", "bob", "carol")
    mine = sorted(Shard(1, 2).members(names))
    path = write(about_run(here, mine, shard=(1, 2)), *(line_of(result_of(here, name)) for name in mine))
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    *above, last = data.draw(st.sampled_from([p for p in slots_of(lines) if len(p) > 1]))
    inner = lines
    for key in above:
        inner = inner[key]
    inner[last] = data.draw(JSON | st.sampled_from([1e300, -1, 50, *names, "cuda", "graded", LATE, "9999"]))
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    here.store_path.unlink(missing_ok=True)
    with contextlib.suppress(UsageError, UngradedError):
        merge(here, [], parts=[Part(Shard(1, 2), "cpu", path)])
    with Store(here.store_path) as store:
        found = list(store.latest())
    assert {s.result.submission for s in found} <= set(mine)
    assert {s.result.device for s in found} <= {"cpu"}
    assert all(s.stored <= datetime.now(UTC).isoformat() for s in found)
    for row in stored(here).rows:
        assert 0 <= row.score.points <= row.score.maximum <= 100
        assert 0 <= row.score.bonus <= 5


def test_a_result_judged_by_other_tests_than_its_run_says_is_refused(here, write):
    forged = replace(result_of(here, "alice"), judged_by="0")
    with pytest.raises(UsageError, match="other tests"):
        merge(here, [write(about_run(here, ["alice"]), line_of(forged))])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"shard": (1, 2)}, "are both part 1/2"),
        ({"shard": (2, 3)}, "is one of 3 parts"),
        ({"shard": (2, 2), "versions": (("torch", "2.8"),)}, "torch 2.8 and 2.9"),
        ({"shard": (2, 2), "submissions": ("alice", "bob")}, "list different submissions"),
    ],
)
def test_parts_of_different_runs_are_not_mixed(here, write, changes, problem):
    first = write(about_run(here, [], shard=(1, 2)), name="1.jsonl")
    second = write(about_run(here, [], **changes), name="2.jsonl")
    with pytest.raises(UsageError, match=problem):
        merge(here, [first, second])


def test_a_job_without_a_result_is_named(here, write):
    path = write(about_run(here, ["alice", "bob"]), line_of(result_of(here, "alice")))
    merged = merge(here, [path])
    assert (merged.added, merged.missing) == (1, ("bob vectors",))


def test_what_is_older_never_comes_back(here, write):
    new = line_of(result_of(here, "alice", test_dot=Status.PASSED), LATE)
    old = line_of(result_of(here, "alice", test_dot=Status.FAILED), EARLY)
    kept = About(FORMAT, kept=True)
    assert merge(here, [], kept=[write(kept, new)]).added == 1
    assert merge(here, [], kept=[write(kept, old)]).added == 0
    with Store(here.store_path) as store:
        (latest,) = store.latest()
    assert (latest.result, latest.stored) == (new.result, LATE)


def test_what_is_kept_of_students_and_exercises_that_are_gone_is_left_out(here, write):
    gone = line_of(result_of(here, "mallory"))
    other = line_of(replace(result_of(here, "alice"), exercise="scales"))
    assert merge(here, [], kept=[write(About(FORMAT, kept=True), gone, other)]).added == 0


def open_and_filled(here, write, **of_gpu):
    """Merge a CPU's result with one point open, and a GPU's."""
    cpu = result_of(here, "alice", test_dot=Status.FAILED, test_on_gpu=Status.UNGRADABLE)
    gpu = result_of(here, "alice", "cuda", test_dot=Status.PASSED, test_on_gpu=Status.PASSED)
    first = write(about_run(here, ["alice"]), line_of(cpu, LATE), name="cpu.jsonl")
    second = write(
        about_run(here, ["alice"], device="cuda", versions=(("torch", "2.9+cu"),)),
        line_of(replace(gpu, **of_gpu), EARLY),
        name="gpu.jsonl",
    )
    assert merge(here, [first, second]) == Merged(2, ())
    (row,) = stored(here).of("alice")
    return {case.spec.name: str(case.outcome) for case in row.cases}


def test_a_gpu_fills_only_what_was_open(here, write):
    cases = open_and_filled(here, write)
    assert (cases["test_dot"], cases["test_on_gpu"]) == ("failed", "passed")


def test_a_gpus_result_of_other_files_fills_nothing(here, write):
    cases = open_and_filled(here, write, snapshot="older")
    assert (cases["test_dot"], cases["test_on_gpu"]) == ("failed", "ungradable")


def test_graded_is_what_has_a_result_of_this_commit_and_these_tests(here, write):
    lines = [
        line_of(result_of(here, "alice"), commit="a" * 40),
        line_of(result_of(here, "bob"), commit="a" * 40),
        line_of(replace(result_of(here, "carol"), judged_by="0"), commit="c" * 40),
    ]
    merge(here, [], kept=[write(About(FORMAT, kept=True), *lines)])
    assert graded(here) == {("alice", "a" * 40), ("bob", "a" * 40)}
    ungraded = replace(result_of(here, "alice"), state=State.UNGRADED, tests=())
    merge(here, [], kept=[write(About(FORMAT, kept=True), line_of(ungraded, LATE, "a" * 40))])
    assert graded(here) == {("bob", "a" * 40)}


# ------------------------------------------------------------------ files that are none


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda text: "", "not a file of results"),
        (lambda text: text[:-20], "ends in the middle of a line"),
        (lambda text: text.replace('"graded"', '"excellent"'), "damaged"),
        (lambda text: text.replace('"format":1', '"format":2'), "in format 2"),
        (lambda text: text.replace('"commit"', '"comit"'), "damaged"),
        (lambda text: text.replace(EARLY, "9999"), "damaged"),
        (lambda text: text.replace('"device":"cpu"', '"device":"x"', 1), "damaged"),
        (lambda text: "SQLite format 3\0" + text, "not a file of results"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_line(here, write, change, problem):
    path = write(about_run(here, ["alice"]), line_of(result_of(here, "alice")))
    path.write_text(change(path.read_text()))
    with pytest.raises(UngradedError, match=problem) as caught:
        read_bundle(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_wrong_usage(course, tmp_path):
    done = course.grader("merge", str(tmp_path / "none.jsonl"))
    assert done.returncode == 2
    assert "none.jsonl: cannot be read (No such file or directory)" in done.stderr


def test_the_same_results_make_the_same_file(here):
    lines = [line_of(result_of(here, name)) for name in ("alice", "bob")]
    about = About(FORMAT, kept=True)
    content = bundle_bytes(about, lines)
    assert content == bundle_bytes(about, lines[::-1])
    assert [json.loads(text)["result"]["submission"] for text in content.splitlines()[1:]] == ["alice", "bob"]
