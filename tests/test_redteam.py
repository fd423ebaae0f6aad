"""Attacks that once worked, each at the place that now stops it."""

import os
import time

import pytest
import torch

from grader.checks import WrongAnswer, assert_equal
from grader.diagnosis import MOST_BYTES, Answers
from grader.inside.wire import MAX_NODES, List
from grader.job import Limits
from grader.likeness import distance
from grader.remote import AnswerError
from grader.remote.ledger import Ledger
from grader.schedule import SlotPlan, open_slot
from grader.verdict import HIDDEN_MESSAGE, verdict_of


def kept(*values):
    answers = Answers()
    for value in values:
        answers.add("f", value)
    return answers.kept


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(MOST_BYTES // 8),
        b"x" * (MOST_BYTES // 2),
        list(range(MOST_BYTES // 128)),
        {i: [(i,)] for i in range(MOST_BYTES // 384)},
    ],
    ids=["tensor", "bytes", "list", "dict"],
)
def test_answers_cannot_fill_the_judges_memory(value):
    assert len(kept(value)) == 1
    assert kept(value, value, value) == []
    assert kept(value, value, value, 1) == []  # what is left would be compared as if it were all


def test_ordinary_answers_are_kept_for_the_diagnosis():
    answers = [torch.ones(20_000), [1, 2], {"a": 0.5}, "text", None]
    assert kept(*answers) == answers
    assert distance(kept(*answers), answers, answers) == 0


def test_an_unusable_answer_says_no_more_of_a_hidden_test_than_an_exception():
    error = AnswerError("an input: " + "1.2345 " * 500)
    hidden, public = (verdict_of(error, Limits(), public=public).message for public in (False, True))
    assert len(hidden.en) <= HIDDEN_MESSAGE + 50
    assert len(hidden.zh) <= HIDDEN_MESSAGE + 50
    assert len(public.en) > 1500


@pytest.mark.parametrize(
    "actual", [[1.0, 4, 9], [True, 4, 9], [torch.tensor(1), 4, 9], [1, 4, torch.tensor([9])], [1, 4]]
)
def test_equal_lists_have_equal_types_within(actual):
    with pytest.raises(WrongAnswer):
        assert_equal(actual, [1, 4, 9], what="squares")
    with pytest.raises(WrongAnswer):
        assert_equal({"a": (actual,)}, {"a": ([1, 4, 9],)}, what="squares")
    assert_equal({"a": ([1, 4, 9],)}, {"a": ([1, 4, 9],)}, what="squares")


def test_slots_run_on_cores_of_their_own():
    here = "__import__('os').sched_getaffinity(0)"
    plan = SlotPlan("none", "cpu", (), ())
    with open_slot(plan, 0) as first, open_slot(plan, 1) as second:
        found = [slot.submit(eval, here) for slot in (first, second)]
        cores = [each.result() for each in found]
    assert all(len(core) == 1 for core in cores)
    assert len(set.union(*cores)) == min(2, len(os.sched_getaffinity(0)))


def test_the_judge_reads_the_largest_answer_in_no_time():
    size = MAX_NODES - 1
    numbers = [List(size), *[0] * size]
    started = time.process_time()
    assert Ledger(lambda *_: None).decode(numbers, []) == [0] * size
    assert time.process_time() - started < 2.0  # a job asks hundreds of questions
