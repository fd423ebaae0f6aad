"""Results survive: other writers, kills, full disks, old schemas; what cannot be read is explained."""

from __future__ import annotations

import multiprocessing
import os
import random
import re
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader import store as store_module
from grader.errors import UngradedError
from grader.job import JobResult, Reason, State, Status, TestResult, Text
from grader.store import Store, job_key, migrate, versions

RESULT = JobResult(
    "sampling",
    "alice",
    "cpu",
    State.GRADED,
    tests=(
        TestResult("test_a", Status.PASSED, 1.0, seconds=0.25, margins=(("logits", 0.31),)),
        TestResult("test_b", Status.KILLED, reason=Reason.MEMORY, message=Text("too much", "太多")),
    ),
    seconds=4.25,
    wall="A",
    memory_limit="cgroup",
    seed=7,
    notice=Text("read me", "请读"),
)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
RESULTS = st.builds(
    JobResult,
    TEXTS,
    TEXTS,
    st.sampled_from(["cpu", "cuda"]),
    st.sampled_from([State.GRADED, State.MISSING]),
    tests=st.lists(
        st.builds(
            TestResult,
            TEXTS,
            st.sampled_from(Status),
            st.floats(0, 1),
            reason=st.none() | st.sampled_from(Reason),
            message=st.builds(Text, TEXTS, TEXTS),
            output=TEXTS,
            margins=st.lists(st.tuples(TEXTS, st.floats(allow_nan=False, allow_infinity=False))).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
    seed=st.integers(0, 2**62),
    fault=TEXTS,
)
KEY = {
    "exercise": "e",
    "ancestors": ("a", "b"),
    "snapshot": "s",
    "device": "cpu",
    "wall": "A",
    "options": {"model": "x"},
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "results.sqlite"


def known(store, key, submission="alice"):
    return store.known(submission, [key]).get(key)


def fill(path, name, count):
    with Store(path) as store:
        for index in range(count):
            store.put(f"{name}{index}", replace(RESULT, submission=name))


def sql(path, statement):
    """Do something to a database behind the store's back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        return database.execute(statement).fetchall()


def problem(path, wait=10.0):
    with pytest.raises(UngradedError) as caught:
        Store(path, wait=wait)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_what_was_put_is_found_again(path):
    with Store(path) as store:
        store.put("k", RESULT, commit="abc")
        assert known(store, "k") == RESULT
        assert known(store, "other") is None
    with Store(path) as store:
        (stored,) = store.latest()
        assert (stored.key, stored.commit, stored.result) == ("k", "abc", RESULT)
        assert stored.stored.endswith("+00:00")


@settings(deadline=None)  # each example makes a database
@given(RESULTS)
def test_every_result_round_trips(tmp_path_factory, result):
    with Store(tmp_path_factory.mktemp("store") / "r.sqlite") as store:
        store.put("k", result)
        assert known(store, "k", result.submission) == result


def test_of_two_results_under_one_key_the_newest_counts(path):
    with Store(path) as store:
        store.put("k", RESULT)
        store.put("k", replace(RESULT, seed=8))
        assert known(store, "k").seed == 8


def test_what_json_cannot_hold_is_stored_all_the_same(path):
    odd = replace(
        RESULT.tests[0], message=Text("a\ud800b", ""), margins=(("x", float("inf")), ("y", float("nan")))
    )
    with Store(path) as store:
        store.put("k", replace(RESULT, tests=(odd,), submission="bo\udcffb"))
        (test,) = known(store, "k", "bo?b").tests
    assert test.message.en == "a?b"
    assert [value for _, value in test.margins] == [sys.float_info.max] * 2


def test_an_ungraded_result_is_history_but_never_reused(path):
    ungraded = JobResult("sampling", "alice", "cpu", State.UNGRADED, fault="Traceback")
    with Store(path) as store:
        store.put("k", ungraded)
        assert known(store, "k") is None
        store.put("k", RESULT)
        store.put("k", ungraded)
        assert known(store, "k") == RESULT
        assert [s.result for s in store.latest()] == [ungraded]
        assert [s.result.state for s in store.history("alice", "sampling")] == [
            "ungraded",
            "graded",
            "ungraded",
        ]


def test_latest_is_the_newest_of_each_job(path):
    with Store(path) as store:
        for submission, device, seed in [
            ("bob", "cpu", 1),
            ("alice", "cuda", 2),
            ("alice", "cpu", 3),
            ("bob", "cpu", 4),
        ]:
            store.put(f"k{seed}", replace(RESULT, submission=submission, device=device, seed=seed))
        found = [(s.result.submission, s.result.device, s.result.seed) for s in store.latest()]
    assert found == [("alice", "cpu", 3), ("alice", "cuda", 2), ("bob", "cpu", 4)]


def test_a_clock_that_is_set_back_makes_nothing_older(path, monkeypatch):
    class Earlier(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2001, 1, 1, tzinfo=tz)

    with Store(path) as store:
        store.put("k", RESULT)
        monkeypatch.setattr(store_module, "datetime", Earlier)
        store.put("k", replace(RESULT, seed=8))
        assert known(store, "k").seed == 8
        assert [(s.result.seed, s.stored[:4]) for s in store.latest()] == [(8, "2001")]


def test_scores_are_private(path):
    with Store(path) as store:
        store.put("k", RESULT)
        files = list(path.parent.iterdir())
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_two_writers_lose_nothing(path):
    start = multiprocessing.get_context("spawn")
    writers = [start.Process(target=fill, args=(path, name, 50)) for name in ("alice", "bob")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    with Store(path) as store:
        assert len(store.history("alice", "sampling")) == len(store.history("bob", "sampling")) == 50


def test_a_new_store_may_be_opened_while_another_grader_does_the_same(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")  # SQLite refuses the switch to WAL at once, whatever its timeout
        release = threading.Timer(0.3, other.execute, ["COMMIT"])
        release.start()
        fill(path, "alice", 1)
        release.join()
    with Store(path) as store:
        assert len(list(store.latest())) == 1


ENDLESS = """
import sys
from pathlib import Path
from grader.job import JobResult, State
from grader.store import Store
with Store(Path(sys.argv[1])) as store:
    for index in range(10**9):
        store.put(str(index), JobResult("sampling", "alice", "cpu", State.GRADED, fault="x" * 20_000))
        print(index, flush=True)
"""


def test_a_key_speaks_for_its_own_submission_only(path):
    """Whoever merges a result under another student's key must not make that student's job look done."""
    with Store(path) as store:
        store.put("k", RESULT)
        store.put("k", replace(RESULT, submission="mallory"))
        assert known(store, "k") == RESULT
        assert known(store, "k", "bob") is None


@pytest.mark.parametrize(
    "change",
    [
        {"tests": (TestResult("test_a", Status.PASSED, 50.0),)},
        {"tests": (TestResult("test_a", Status.PASSED, 1.0, kit=-0.5),)},
        {"seconds": -1.0},
        {"device": "tpu"},
        {"wall": "\x1b[2J"},
        {"seed": 2**64},
    ],
)
def test_a_result_that_none_can_have_is_not_stored(path, change):
    with Store(path) as store:
        with pytest.raises(msgspec.ValidationError):
            store.put("k", replace(RESULT, **change))
        assert list(store.latest()) == []


def test_a_killed_writer_keeps_everything_it_had_put(path):
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", ENDLESS, path], stdout=subprocess.PIPE, text=True)
        writer.stdout.readline()
        time.sleep(random.uniform(0.01, 0.1))
        writer.send_signal(signal.SIGKILL)
        said = writer.communicate()[0].split()
        with Store(path) as store:
            kept = len(store.history("alice", "sampling"))
            assert all(known(store, number) for number in said)
    assert kept >= 3
    assert sql(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_torn_log_costs_only_its_last_result(path):
    with Store(path) as store:
        for index in range(3):
            store.put(f"k{index}", RESULT)
        log = path.with_name(f"{path.name}-wal")
        torn, whole = log.read_bytes()[:-100], path.read_bytes()
    path.write_bytes(whole)  # as after a power cut: closing would have folded the log in
    log.write_bytes(torn)
    with Store(path) as store:
        assert [bool(known(store, f"k{index}")) for index in range(3)] == [True, True, False]


def test_a_file_that_is_no_database(path):
    path.parent.mkdir()
    path.write_bytes(b"scores\n" * 1000)
    assert "not a database" in problem(path)
    assert "move it away" in problem(path)


def test_a_damaged_database(path):
    fill(path, "alice", 40)
    content = bytearray(path.read_bytes())
    content[8192:] = os.urandom(len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(UngradedError, match="move it away"), Store(path) as store:
        list(store.latest())


def test_a_database_of_another_program(path):
    path.parent.mkdir()
    sql(path, "CREATE TABLE recipes (name)")
    assert "another program" in problem(path)
    assert sql(path, "SELECT name FROM sqlite_master") == [("recipes",)]


def test_a_database_of_a_newer_grader(path):
    fill(path, "alice", 1)
    sql(path, "PRAGMA user_version = 99")
    assert "update the grader" in problem(path)


def test_a_result_of_a_newer_grader(path):
    fill(path, "alice", 1)
    sql(path, "UPDATE results SET format = 99")
    with Store(path) as store, pytest.raises(UngradedError, match="update the grader"):
        known(store, "alice0")


def test_an_unreadable_result(path):
    fill(path, "alice", 1)
    sql(path, """UPDATE results SET result = '{"exercise": 3}'""")
    with Store(path) as store, pytest.raises(UngradedError, match="unreadable result"):
        list(store.latest())


def test_a_locked_database(path):
    fill(path, "alice", 1)
    with Store(path, wait=0.1) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UngradedError, match="another grader is writing"):
            store.put("k", RESULT)
        other.execute("ROLLBACK")
        store.put("k", RESULT)
        assert known(store, "k") == RESULT


def test_a_full_disk_keeps_what_is_stored(path):
    with Store(path) as store:
        store.put("k", RESULT)
        pages = store._database.execute("PRAGMA page_count").fetchone()[0]
        store._database.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own full disk
        with pytest.raises(UngradedError, match="disk is full"):
            store.put("big", replace(RESULT, fault="x" * 100_000))
        assert known(store, "k") == RESULT
        store._database.execute("PRAGMA max_page_count = 100000")
        store.put("big", replace(RESULT, fault="x" * 100_000))


def test_a_write_that_the_system_refuses(path):
    with Store(path) as store:
        store.put("k", RESULT)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64_000, limits[1]))
        try:
            with pytest.raises(UngradedError, match="results store"):
                store.put("big", replace(RESULT, fault="x" * 1_000_000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, ignored)
        assert known(store, "k") == RESULT


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    assert "check that the folder" in problem(tmp_path / "file" / "results.sqlite")


@pytest.fixture
def database(tmp_path):
    with closing(sqlite3.connect(tmp_path / "old.sqlite", isolation_level=None)) as connection:
        yield connection


def test_migrations_bring_an_older_database_up(database):
    first = ("CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
    migrate(database, [first])
    migrate(database, [first])
    migrate(database, [first, ("ALTER TABLE t ADD b DEFAULT 2",), ("UPDATE t SET a = 3",)])
    assert database.execute("SELECT a, b FROM t").fetchall() == [(3, 2)]
    assert database.execute("PRAGMA user_version").fetchone() == (3,)


def test_a_migration_that_fails_changes_nothing(database):
    first = ("CREATE TABLE t (a)",)
    migrate(database, [first])
    with pytest.raises(sqlite3.OperationalError):
        migrate(database, [first, ("INSERT INTO t VALUES (1)", "nonsense")])
    assert database.execute("SELECT count(*) FROM t").fetchone() == (0,)
    assert database.execute("PRAGMA user_version").fetchone() == (1,)


@pytest.mark.parametrize(
    "change",
    [
        {"exercise": "E"},
        {"ancestors": ("b", "a")},
        {"ancestors": ("ab",)},
        {"snapshot": "S"},
        {"device": "cuda"},
        {"wall": "C"},
        {"options": {"model": "y"}},
        {"options": None},
    ],
)
def test_each_part_changes_the_key(change):
    assert job_key(**KEY) == job_key(**KEY)
    assert job_key(**KEY | change) != job_key(**KEY)


def test_the_order_of_options_does_not_change_the_key():
    keys = {
        job_key(**KEY | {"options": dict(pairs)})
        for pairs in ([("a", "1"), ("b", "2")], [("b", "2"), ("a", "1")])
    }
    assert len(keys) == 1


def test_versions_change_the_key(monkeypatch):
    before = job_key(**KEY)
    monkeypatch.setattr(store_module, "versions", lambda: (*versions()[:-1], ("triton", "99")))
    assert job_key(**KEY) != before


def test_versions_are_known_without_heavy_imports():
    code = "import sys; from grader.store import versions; print(versions()); print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.endswith("False\n")
    assert {"grader", "python", "torch", "transformers", "triton"} == dict(versions()).keys()


OURS = re.compile(r"^\s*(?:from|import) grader(?:\.| import )(\w+)", re.MULTILINE)


def ours_in(paths):
    """Return which parts of this package some files import."""
    return {part for path in paths for part in OURS.findall(path.read_text(encoding="utf-8"))}


def parts_that_grade():
    """Follow the imports from slots and hidden tests; what runs beyond the wall is started by name."""
    package = Path(store_module.__file__).parent
    todo = {"schedule", "slot", "refusal", "submission", "inside", "shared_tests"}
    todo |= ours_in((package.parent / "exercises").glob("*/hidden_tests/*.py"))
    done = set()
    while todo:
        part = todo.pop()
        done.add(part)
        module = package / f"{part}.py"
        todo |= ours_in([module] if module.is_file() else (package / part).rglob("*.py")) - done
    return done


def test_nothing_that_grades_is_left_out_of_the_key():
    assert parts_that_grade() & store_module._APART == set()


def test_what_decides_no_result_is_left_out_of_the_key():
    package = Path(store_module.__file__).parent
    parts = {path.relative_to(package).parts[0].removesuffix(".py") for path in package.rglob("*.py")}
    assert parts - parts_that_grade() - store_module._APART == {"__init__"}
