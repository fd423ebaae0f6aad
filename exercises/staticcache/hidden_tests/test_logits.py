"""K1 to K4: the logits of prefill and decode_step are those of one pass, whatever was in the cache before."""

import torch
from static_fixtures import (
    Decoder,
    assert_logits,
    contents,
    make_cache,
    make_model,
    oracle,
    poison,
    random_ids,
    student_model,
)

from grader.checks import assert_equal

N, T = 34, 40


def start(student, rng, device, batch, length=T):
    """Return a model, the student's version of it, and a cache with its decoder."""
    model = make_model("base", rng.seed())
    theirs = student_model(student, model, device)
    cache = make_cache(student, model, batch, length, device)
    return model, theirs, cache, Decoder(student.decode_step, theirs, cache, device)


def test_prefill_logits(student, reference, rng, device):
    """`prefill` returns the logits of the last token of every row."""
    model, theirs, _, _ = start(student, rng, device, 1)
    for B, S in ((1, 33), (3, 9), (2, 1), (1, 2)):
        ids = random_ids(rng, model, B, S)
        due = oracle(reference, model, ids)[:, -1]
        cache = make_cache(student, model, B, T, device)
        logits = student.prefill(theirs, ids.to(device), cache)
        assert_logits(logits, due, "logits after prefill")


def test_decode_logits(student, reference, rng, device):
    """However much of a sequence goes through prefill, the rest decoded gives the logits of one pass."""
    model, theirs, _, _ = start(student, rng, device, 1)
    ids = random_ids(rng, model, 2, N)
    due = oracle(reference, model, ids)
    for S in (1, N - 1, 10):
        cache = make_cache(student, model, 2, T, device)
        student.prefill(theirs, ids[:, :S].to(device), cache)
        Decoder(student.decode_step, theirs, cache, device).follow(ids, S, due, "logits of decode_step")


def test_decode_fills_cache(student, reference, rng, device):
    """The last slot works like the others, and a single row like a batch."""
    model, theirs, cache, decoder = start(student, rng, device, 1, 12)
    ids = random_ids(rng, model, 1, 12)
    student.prefill(theirs, ids[:, :4].to(device), cache)
    decoder.follow(ids, 4, oracle(reference, model, ids), "logits up to the last slot")


def test_poisoned_slots(student, reference, rng, device):
    """What stands in slots that are not written yet has no influence, however large it is."""
    model, theirs, cache, decoder = start(student, rng, device, 2)
    poison(rng, cache, model, 2, T)
    ids = random_ids(rng, model, 2, 20)
    due = oracle(reference, model, ids)
    logits = student.prefill(theirs, ids[:, :9].to(device), cache)
    assert_logits(logits, due[:, 8], "logits after prefill into a used cache")
    decoder.follow(ids, 9, due, "logits of decode_step on a used cache")


def test_reuse(student, reference, rng, device):
    """A cache serves one sequence after another, the shorter after the longer; `reset` zeroes it in place."""
    model, theirs, cache, decoder = start(student, rng, device, 2)
    for length, first in ((30, 25), (14, 5)):
        ids = random_ids(rng, model, 2, length)
        due = oracle(reference, model, ids)
        logits = student.prefill(theirs, ids[:, :first].to(device), cache)
        assert_logits(logits, due[:, first - 1], "logits after prefill, cache reused")
        decoder.follow(ids, first, due, "logits of decode_step, cache reused")
    cache.reset()
    for name, value in contents(cache).items():
        assert_equal(value, torch.zeros_like(value), what=f"{name} after reset")
    student.prefill(theirs, ids[:, :5].to(device), cache)
    decoder.follow(ids, 5, due, "logits of decode_step after reset")


def test_rewind(student, reference, rng, device):
    """Going back to an earlier position writes over what was there; what came later is seen no more."""
    model, theirs, cache, decoder = start(student, rng, device, 2)
    ids = random_ids(rng, model, 2, 24)
    student.prefill(theirs, ids[:, :15].to(device), cache)
    decoder.follow(ids[:, :20], 15, oracle(reference, model, ids), "logits before going back")
    other = torch.cat((ids[:, :10], random_ids(rng, model, 2, 14)), dim=1)
    decoder.follow(other, 10, oracle(reference, model, other), "logits after going back")
