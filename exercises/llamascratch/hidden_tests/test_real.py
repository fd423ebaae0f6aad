"""R1 and R2: a real checkpoint, where `grader run --model` names one."""

import torch
from real_fixtures import real_truth

from grader.checks import assert_close, assert_equal


def test_real_logits(student, reference, checkpoint, device):
    """On a real checkpoint logits and greedy tokens are those of transformers' Llama, cached or not."""
    truth = real_truth(reference, checkpoint)
    theirs = student.load(str(checkpoint.path), device=device)
    for passage in truth.passages:
        ids, S = passage.ids.to(device), passage.length
        once = theirs(ids[:, :-1])
        assert_close(once, passage.logits, truth.limit, what="logits", dtype=truth.dtype)
        cache = student.KVCache()
        steps = [theirs(chunk, cache=cache) for chunk in (ids[:, :S], *ids[:, S:-1].split(1, dim=1))]
        cached = torch.cat(steps, dim=1)
        assert_close(cached, passage.logits, truth.limit, what="logits through the cache", dtype=truth.dtype)
        new = student.generate(theirs, ids[:, :S], passage.clear)
        assert_equal(new, passage.ids[:, S : S + passage.clear], what="greedy tokens")


def test_real_engine(student, reference, checkpoint):
    """On a real checkpoint `execute` says what transformers' Llama says."""
    truth = real_truth(reference, checkpoint)
    engine = student.Engine(str(checkpoint.path))
    for passage in (p for p in truth.passages if p.clear):
        assert_equal(engine.execute([passage.text], passage.clear), [passage.said], what="text")
