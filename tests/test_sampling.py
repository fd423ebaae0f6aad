"""Hidden tests of `sampling` on solutions in this process, over many seeds: what is right always passes."""

import importlib
import importlib.util
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from grader.checks import StudentRaised, WrongAnswer
from grader.graft import graft
from grader.rng import Rng

EXERCISE = Path(__file__).parents[1] / "exercises" / "sampling"
SEEDS = range(50)


def shifted_softmax(x):
    e = (x - x.amax(-1, keepdim=True)).exp()
    return e / e.sum(-1, keepdim=True)


PROBABILITIES = {
    "softmax": lambda x: x.softmax(-1),
    "logsumexp": lambda x: (x - x.logsumexp(-1, keepdim=True)).exp(),
    "log_softmax": lambda x: x.log_softmax(-1).exp(),
    "float64": lambda x: x.double().softmax(-1),
    "float64 logsumexp": lambda x: (x.double() - x.double().logsumexp(-1, keepdim=True)).exp(),
    "by hand": shifted_softmax,
}


def shifted_mask(probs, p):
    reached = probs.cumsum(-1) >= p
    return torch.cat((torch.zeros_like(reached[:, :1]), reached[:, :-1]), -1)


def counted(probs, p):
    return torch.arange(probs.shape[1]) > (probs.cumsum(-1) < p).sum(-1, keepdim=True)


MASKS = {  # of sorted probabilities, best first: what goes
    "mass before": lambda probs, p: probs.cumsum(-1) - probs >= p,
    "mass with it, shifted": shifted_mask,
    "how many are needed": counted,
    "mass from here on": lambda probs, p: probs.flip(-1).cumsum(-1).flip(-1) <= 1 - p,
    "one minus the mass": lambda probs, p: 1 - (probs.cumsum(-1) - probs) <= 1 - p,
}


@pytest.fixture(scope="module")
def hidden():
    """The modules of hidden tests, by name."""
    sys.path.insert(0, str(EXERCISE / "hidden_tests"))
    yield importlib.import_module
    sys.path.remove(str(EXERCISE / "hidden_tests"))


def load(source, name="sampling_solution"):
    module = sys.modules[name] = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, None))
    exec(compile(source, name, "exec"), vars(module))
    return module


@pytest.fixture(scope="module")
def reference():
    return load((EXERCISE / "reference" / "solution.py").read_text())


def mutant(name):
    path = EXERCISE / "mutants" / f"{name}.py"
    return load(graft((EXERCISE / "reference" / "solution.py").read_text(), path.read_text(), path), name)


def with_top_p(reference, probabilities, mask):
    def top_p_filter(logits, top_p):
        if top_p >= 1:
            return logits
        probs, order = PROBABILITIES[probabilities](logits.float()).sort(-1, descending=True)
        gone = MASKS[mask](probs, top_p)
        gone[:, 0] = False
        return logits.masked_fill(torch.zeros_like(gone).scatter(-1, order, gone), -math.inf)

    return SimpleNamespace(**{**vars(reference), "top_p_filter": top_p_filter})


def called(fn, check, *, most, max_calls=1000):
    def checked(*args):
        check(*args)
        return fn(*args)

    return checked


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("probabilities", PROBABILITIES)
def test_every_way_to_compute_top_p_passes_its_boundary(hidden, reference, probabilities, mask):
    student = with_top_p(reference, probabilities, mask)
    for seed in range(3):
        hidden("test_filters").test_top_p_boundary(student, Rng(seed, "boundary"), "cpu")


@pytest.mark.parametrize("name", ["p2_one_more_shifted", "p3_one_more_exclusive", "p12_keeps_all_ties"])
def test_a_set_that_is_too_large_at_exactly_p_fails(hidden, name):
    student = mutant(name)
    for seed in range(5):
        with pytest.raises(WrongAnswer, match="more tokens were kept"):
            hidden("test_filters").test_top_p_boundary(student, Rng(seed, "boundary"), "cpu")


def test_rounding_is_named_where_it_may_be_the_reason(hidden, reference):
    exact = PROBABILITIES["softmax"]
    PROBABILITIES["off by rounding"] = lambda x: exact(x) * (1 - 2**-23)
    try:
        student = with_top_p(reference, "off by rounding", "mass before")
        with pytest.raises(WrongAnswer, match="rounding"):
            hidden("test_filters").test_top_p_boundary(student, Rng(0, "boundary"), "cpu")
    finally:
        del PROBABILITIES["off by rounding"]


@pytest.mark.parametrize("name", ["b15_never_stops_early", "b15b_runs_to_the_end"])
def test_a_search_that_never_stops_early_is_caught_on_every_seed(hidden, reference, name):
    student = mutant(name)
    for seed in SEEDS:
        with pytest.raises(WrongAnswer):
            hidden("test_beam").test_beam_stopping(student, reference, Rng(seed, "stop"), called)


def test_the_reference_passes_what_the_survivors_fail(hidden, reference):
    for seed in SEEDS:
        hidden("test_beam").test_beam_stopping(reference, reference, Rng(seed, "stop"), called)
        hidden("test_beam").test_beam_calls(reference, Rng(seed, "calls"), called)


def test_calls_count_only_where_the_search_finds_what_is_due(hidden):
    def nothing(log_prob_fn, prefix, *settings, **named):
        log_prob_fn([prefix])
        return list(prefix), 0.0

    for seed in SEEDS:
        with pytest.raises(WrongAnswer):
            hidden("test_beam").test_beam_calls(
                SimpleNamespace(beam_search=nothing), Rng(seed, "calls"), called
            )


@pytest.mark.parametrize(
    "test", ["test_generator_decides", "test_generator_advances", "test_rows_are_independent"]
)
def test_a_draw_that_heeds_no_setting_earns_nothing(hidden, reference, test):
    def plain(logits, *, temperature=1.0, top_k=0, top_p=1.0, generator=None):
        return reference.draw(logits.float(), generator)

    def only_top_k(logits, *, temperature=1.0, top_k=0, top_p=1.0, generator=None):
        return reference.draw(reference.top_k_filter(logits.float(), top_k), generator)

    run = getattr(hidden("test_sample"), test)
    run(SimpleNamespace(sample=only_top_k), Rng(1, test), "cpu")  # a mistake elsewhere is not charged here
    with pytest.raises(WrongAnswer, match="change nothing"):
        run(SimpleNamespace(sample=plain), Rng(1, test), "cpu")


def test_a_sampler_that_is_not_there_is_not_accused_of_sharing_steps(hidden):
    class NotYet:
        def add(self, step, value=0.0):
            error = StudentRaised("NotImplementedError")
            error.mro = ("NotImplementedError", "Exception")
            raise error

    with pytest.raises(StudentRaised):
        hidden("test_bonus").test_sampler_conflicts(SimpleNamespace(Sampler=NotYet), Rng(1, "x"), "cpu")
