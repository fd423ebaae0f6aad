"""A gradebook with every way a test and a job can end, and students who poison its texts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grader.job import JobResult, Reason, State, Status, TestResult, TestSpec, Text
from grader.reports.view import Gradebook, make_row

NASTY = (
    "\x1b[2J\x1b]8;;http://a.b\x07link\x1b]8;;\x07 ok\rPASSED \x9b31m\u202egnp\u200b\ufeff\ud800\x00\ufffe\n"
    "]]> &amp; <b> ::set-output name=score::100\n  ::Stop-Commands::x\n##[error]no\n@org/team </details>\n"
    '``` \n````````\n| a | b |\n[red]markup[/] [link=http://a.b]x[/] ![x](http://a.b/c.png) {"points": 100} '
    "::set-output name=a::b\n" + "x" * 5000
)
HIDDEN_SEED = 987654321987654321
SAMPLING = (
    TestSpec("test_top_k", 4.0, Text("S1 · top-k", "S1 · top-k 采样"), public=True),
    TestSpec("test_top_p", 3.5, Text("S2 · top-p | nucleus", "S2 · 核采样")),
    TestSpec("test_pseudocode", 2.0, Text("Z8 · pseudocode", "Z8 · 伪代码")),
    TestSpec("test_min_p", 5.0, Text("S3 · min-p", "S3 · min-p"), bonus=True),
)
LLAMA = (
    TestSpec("test_logits", 60.0, Text("L1 · logits", "L1 · logits")),
    TestSpec("test_cache", 30.0, Text("L2 · cache", "L2 · 缓存"), requires=("test_logits",)),
    TestSpec("test_cuda", 10.0, Text("L3 · on the GPU", "L3 · GPU"), devices=("cuda",)),
    TestSpec("test_fast", 8.0, Text("L4 · speed", "L4 · 速度"), bonus=True, devices=("cuda",)),
)
TITLES = {"sampling": Text("Sampling", "采样"), "llamascratch": Text("Llama from scratch", "从零实现 Llama")}
TABLES = {"sampling": SAMPLING, "llamascratch": LLAMA}

NASTY_TEXT = Text(NASTY, f"错误 {NASTY}")
ENDS = {
    ("alice", "sampling"): (
        TestResult("test_top_k", Status.PASSED, 1.0, seconds=1.25, output="hello\n"),
        TestResult("test_top_p", Status.PASSED, 1.0, seconds=0.5, margins=(("p", 0.123454321),)),
        TestResult("test_pseudocode", Status.PASSED, 1 / 3, message=Text("2 of 3 sections", "2/3 节")),
        TestResult("test_min_p", Status.PASSED, 1.0),
    ),
    ("alice", "llamascratch"): (
        TestResult("test_logits", Status.PASSED, 1.0, seconds=float("nan")),
        TestResult("test_cache", Status.PASSED, 1.0, seconds=-3.0),
        TestResult("test_cuda", Status.UNGRADABLE),
        TestResult("test_fast", Status.UNGRADABLE),
    ),
    ("mallory", "sampling"): (
        TestResult("test_top_k", Status.ERROR, message=NASTY_TEXT, output=NASTY * 100),
        TestResult(
            "test_top_p", Status.KILLED, reason=Reason.WALL, message=NASTY_TEXT, output="hidden output"
        ),
        TestResult("test_pseudocode", Status.VIOLATION, message=NASTY_TEXT),
        TestResult("test_min_p", Status.FAILED, message=NASTY_TEXT, hint=NASTY_TEXT),
    ),
    ("mallory", "llamascratch"): (
        TestResult(
            "test_logits",
            Status.FAILED,
            message=Text("off by 0.4", "偏差 0.4"),
            hint=Text("mind ε", "注意 ε"),
        ),
        TestResult("test_cache", Status.SKIPPED, message=Text("needs test_logits", "需先通过 test_logits")),
    ),
}


def make_job(submission: str, exercise: str) -> JobResult:
    tests = ENDS[submission, exercise]
    job = JobResult(exercise, submission, "cpu", State.GRADED, tests, 4.125, "A", "cgroup", seed=HIDDEN_SEED)
    if (submission, exercise) == ("alice", "llamascratch"):
        job = replace(job, model="TinyLlama (0123abcd)")
    return replace(job, notice=NASTY_TEXT) if submission == "mallory" else job


def make_book(**changes: object) -> Gradebook:
    """All of `ENDS`, one submission missing everything, one ungraded, one with a name to fool sinks."""
    jobs = [make_job(*job) for job in ENDS]
    jobs += [JobResult(name, "carol", "cpu", State.MISSING, seed=HIDDEN_SEED) for name in TABLES]
    jobs += [JobResult("sampling", "dave", "cpu", State.UNGRADED, fault=f"File judge.py\n{NASTY}", wall="A")]
    jobs += [
        replace(make_job("alice", "sampling"), submission="=cmd|'/C calc'!A0 @x ::error::\x1b[2J/../学生")
    ]
    rows = [make_row(job, TABLES[job.exercise], TITLES[job.exercise], "0123456789abcdef") for job in jobs]
    values = {
        "course": Text("LLM systems", "大模型系统"),
        "created": "2026-01-02T03:04:05+00:00",
        "versions": (("grader", "0.1.0"), ("torch", "2.13")),
        "exercises": ("sampling", "llamascratch"),
    }
    return Gradebook(tuple(rows), **values | changes)


@pytest.fixture(scope="session")
def book() -> Gradebook:
    return make_book()


@pytest.fixture(scope="session")
def nasty_name(book: Gradebook) -> str:
    return next(name for name in book.submissions if "cmd" in name)
