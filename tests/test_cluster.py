"""`grader run --cluster` on a real Dask cluster of separate processes, over TLS; a worker dies on the way."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from grader.cluster import _digest, _outcome, pack, require_private
from grader.errors import UsageError
from grader.exercise import read_exercise
from grader.job import Job, JobResult, State, Status, TestResult
from grader.schedule import SlotPlan
from grader.store import Store

JOBS = 8


def certificates(folder):
    """Return the environment of Dask processes that know each other by certificates of a new authority."""
    authority = trustme.CA()
    mine = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    mine.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    mine.private_key_pem.write_to_path(folder / "key.pem")
    tls = "DASK_DISTRIBUTED__COMM__TLS__"
    roles = {
        f"{tls}{role}__{part}": str(folder / f"{part.lower()}.pem")
        for role in ("SCHEDULER", "WORKER", "CLIENT")
        for part in ("CERT", "KEY")
    }
    required = {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true"}
    return {**os.environ, **roles, f"{tls}CA_FILE": str(folder / "ca.pem"), **required}


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    return certificates(tmp_path_factory.mktemp("certificates"))


class Cluster:
    """A scheduler and two workers, each in a process group of its own."""

    def __init__(self, folder, environment):
        self.environment = environment
        file = folder / "scheduler.json"
        common = ["--scheduler-file", str(file), "--no-dashboard", "--protocol", "tls", "--host", "127.0.0.1"]
        self.scheduler = self._start(folder / "scheduler.log", "dask_scheduler", *common, "--port", "0")
        self.workers = [
            self._start(
                folder / f"worker-{i}.log", "dask_worker", *common,
                "--nthreads", "1", "--local-directory", str(folder / f"worker-{i}"),
            )
            for i in range(2)
        ]  # fmt: skip
        deadline = time.monotonic() + 60
        while not file.is_file() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.address = json.loads(file.read_text())["address"]

    def _start(self, log, module, *arguments):
        with log.open("wb") as output:
            command = [sys.executable, "-m", f"distributed.cli.{module}", *arguments]
            return subprocess.Popen(
                command, stdout=output, stderr=output, env=self.environment, start_new_session=True
            )

    def kill(self, process):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(300)

    def close(self):
        for process in (*self.workers, self.scheduler):
            self.kill(process)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, certified):
    made = Cluster(tmp_path_factory.mktemp("cluster"), certified)
    yield made
    made.close()


@pytest.fixture(scope="module")
def class_of(tmp_path_factory, make_course):
    course = make_course(tmp_path_factory.mktemp("class") / "course")
    course.submit("passes", "wrong", "hangs_in_call")
    right = course.root / "submissions" / "passes"
    for index in range(JOBS - 3):
        copy = course.root / "submissions" / f"copy-{index}" / "exercises" / "vectors"
        copy.mkdir(parents=True)
        for file in (right / "exercises" / "vectors").iterdir():
            (copy / file.name).write_bytes(file.read_bytes())
    return course


def run_and(command, environment, word, do):
    """Run a command, do something at a line that starts with a word; return exit code and lines."""
    said = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        guard = threading.Timer(240, process.kill)
        guard.start()
        for line in process.stdout:
            said.append(line)
            if line.startswith(word):
                do()
    guard.cancel()
    return process.returncode, said


def test_no_worker_with_a_gpu_is_wrong_usage(cluster, class_of):
    done = class_of.grader("run", "--device", "cuda", "--cluster", cluster.address, **cluster.environment)
    assert done.returncode == 2, done.stderr
    assert "no worker of the cluster offers a GPU: start them with --resources GPU=1" in done.stderr


def test_a_class_is_graded_though_a_worker_dies(cluster, class_of):
    command = class_of.command("run", "--device", "cpu", "--cluster", cluster.address)
    code, said = run_and(command, cluster.environment, "[1/", lambda: cluster.kill(cluster.workers[0]))
    assert code == 0, "".join(said)
    with Store(class_of.root / ".grader" / "results.sqlite") as store:
        results = {s.result.submission: s.result for s in store.latest()}
        assert all(len(store.history(name, "vectors")) == 1 for name in results)
    assert len(results) == JOBS
    assert {result.state for result in results.values()} == {State.GRADED}
    assert {result.wall for result in results.values()} <= {"A", "C"}  # never without one
    scores = {name: job["score"]["points"] for name, job in class_of.scores().items()}
    assert {scores[name] for name in scores if name.startswith("copy") or name == "passes"} == {95}
    assert scores["wrong"] < 95
    again = class_of.grader("run", "--device", "cpu")
    assert f"0 jobs to grade, {JOBS} known already" in again.stdout  # the same key as here


def test_a_stranger_is_not_let_in(cluster, class_of, tmp_path):
    done = class_of.grader("run", "--cluster", cluster.address, **certificates(tmp_path))
    assert done.returncode == 2, done.stderr
    assert f"--cluster {cluster.address}: cannot connect" in done.stderr
    assert "Traceback" not in done.stderr


def test_where_the_cluster_goes_down_the_run_says_so_and_can_be_gone_on_with(tmp_path, certified, class_of):
    made = Cluster(tmp_path, certified)
    command = class_of.command("run", "--device", "cpu", "--fresh", "--seed", "5", "--cluster", made.address)
    code, said = run_and(command, certified, "[2/", made.close)
    assert code == 3, "".join(said)
    assert "run the same command to go on" in said[-1]
    assert "Traceback" not in "".join(said), "".join(said)
    again = class_of.grader("run", "--device", "cpu", "--seed", "5")
    assert again.returncode == 0, again.stderr
    known = int(again.stdout.partition(" known already")[0].rpartition(", ")[2])
    assert 2 <= known < JOBS


def test_without_certificates_one_line_says_what_to_do(class_of):
    done = class_of.grader("run", "--cluster", "tls://127.0.0.1:1")
    assert done.returncode == 2
    assert "docs/scaling.md says how to set up TLS" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "problem"), [(["--slots", "2"], "--slots"), (["--model", "."], "--model")]
)
def test_what_is_for_this_machine_does_not_go_with_a_cluster(class_of, options, problem):
    done = class_of.grader("run", "--cluster", "tls://10.0.0.1:8786", *options)
    assert done.returncode == 2
    assert f"{problem} is for this machine" in done.stderr


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:8786", "tcp://cluster.example:8786", "ws://10.0.0.1:80"])
def test_nothing_crosses_a_network_in_the_clear(address):
    with pytest.raises(UsageError, match="without TLS"):
        require_private(address)


@pytest.mark.parametrize("address", ["10.0.0.1", "tls://host", "tls://", "nonsense"])
def test_an_address_is_written_in_full(address):
    with pytest.raises(UsageError, match="PROTOCOL://HOST:PORT"):
        require_private(address)


@pytest.mark.parametrize(
    "address", ["tls://cluster.example:8786", "tcp://127.0.0.1:8786", "tcp://[::1]:8786"]
)
def test_tls_or_the_same_machine_is_fine(address):
    require_private(address)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"submission": "bob"}, "the result of ('bob', 'vectors', 'cpu')"),
        ({"tests": (TestResult("test_dot", Status.PASSED, 50.0),)}, "a result that cannot be"),
        ({"seconds": -1.0}, "a result that cannot be"),
    ],
)
def test_what_a_worker_answers_is_a_result_of_its_job_or_the_job_is_ungraded(change, said):
    class Done:
        status = "finished"

        def exception(self):
            return None

        def result(self):
            return replace(right, **change)

    right = JobResult("vectors", "alice", "cpu", State.GRADED, (TestResult("test_dot", Status.PASSED, 1.0),))
    outcome = _outcome(Done(), Job("vectors", "alice", "cpu", {}))
    assert (outcome.submission, outcome.state, outcome.tests) == ("alice", State.UNGRADED, ())
    assert said in outcome.fault


def test_what_travels_is_all_that_a_slot_reads(course, tmp_path):
    sent = pack(SlotPlan("A", "cpu", (course.exercise,), ("torch",)))
    for name, content in sent.files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert read_exercise(tmp_path / "vectors").digest() == read_exercise(course.exercise).digest()
    assert not any("variants" in Path(name).parts for name in sent.files)
    assert _digest(sent.files) == sent.digest
    damaged = {**sent.files, "vectors/exercise.yaml": b""}
    assert _digest(damaged) != sent.digest
