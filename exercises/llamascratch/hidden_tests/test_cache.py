"""L12 and L14: the KV cache."""

import torch
from llama_fixtures import CACHED, LOGITS, make_model, oracle_logits, random_ids, student_model

from grader.checks import assert_close, assert_equal, check

SPLITS = 32


def random_split(rng, n):
    """Cut n tokens into chunks of random length."""
    lengths = []
    while sum(lengths) < n:
        lengths.append(rng.integer(1, 1 + min(rng.choice((2, 6, n)), n - sum(lengths))))
    return lengths


def feed(theirs, cache, ids, lengths, device):
    """Feed ids through a cache chunk by chunk; return all logits."""
    outputs = [theirs(chunk.to(device), cache=cache) for chunk in ids.split(lengths, dim=1)]
    return torch.cat(outputs, dim=1)


def test_cache_chunks(student, reference, rng, device):
    """However a sequence is cut into chunks, the cached logits are those of one pass."""
    model = make_model("gqa", rng.seed())
    theirs = student_model(student, model, device)
    n = 20
    splits = [[n], [1] * n, [n - 1, 1], [1, n - 1]]
    splits += [random_split(rng, n) for _ in range(SPLITS - len(splits))]
    batches = [(random_ids(rng, model, B, n), 1 + B) for B in (1, 2)]
    known = [(ids, oracle_logits(reference, model, ids), theirs(ids.to(device))) for ids, _ in batches]
    for i, lengths in enumerate(splits):
        ids, exact, once = known[i % 2]
        cache = student.KVCache()
        logits = feed(theirs, cache, ids, lengths, device)
        for oracle, expected in exact.items():
            assert_close(logits, expected, LOGITS, what=f"cached {oracle}", dtype=torch.float32)
        assert_close(logits, once.double(), CACHED, what="cached and uncached logits", dtype=torch.float32)
        assert_equal(len(cache), n, what="len(cache)")


def test_cache_isolated(student, reference, rng, device):
    """Each KVCache holds its own sequence: layers, caches and sequences never mix."""
    cache, layers = student.KVCache(), 3
    assert_equal(len(cache), 0, what="len of a new cache")
    pieces = [[(rng.normal(2, 3, s, 4), rng.normal(2, 3, s, 4)) for _ in range(layers)] for s in (5, 1, 2)]
    for step in range(len(pieces)):
        for layer in range(layers):
            k, v = pieces[step][layer]
            both = cache.update(layer, k.to(device), v.to(device))
            check(
                isinstance(both, tuple | list) and len(both) == 2,
                "update must return (keys, values)",
                "update 应返回 (keys, values)",
            )
            for out, which, what in ((both[0], 0, "keys"), (both[1], 1, "values")):
                due = torch.cat([pieces[i][layer][which] for i in range(step + 1)], dim=2)
                assert_equal(out, due, what=f"{what} returned by update")
        assert_equal(len(cache), (5, 6, 8)[step], what="len(cache)")
    model = make_model("gqa", rng.seed())
    theirs = student_model(student, model, device)
    first, second = random_ids(rng, model, 1, 14), random_ids(rng, model, 1, 11)
    one, two = student.KVCache(), student.KVCache()
    mixed = {"one": [], "two": []}
    for a, b in zip(first.split((6, 1, 7), dim=1), second.split((3, 7, 1), dim=1), strict=True):
        mixed["one"].append(theirs(a.to(device), cache=one))
        mixed["two"].append(theirs(b.to(device), cache=two))
    for logits, ids in ((mixed["one"], first), (mixed["two"], second)):
        for oracle, expected in oracle_logits(reference, model, ids).items():
            joined = torch.cat(logits, dim=1)
            assert_close(joined, expected, LOGITS, what=f"interleaved {oracle}", dtype=torch.float32)
    third = random_ids(rng, model, 1, 9)
    again = feed(theirs, student.KVCache(), third, [4, 5], device)
    plain = theirs(third.to(device))
    for oracle, expected in oracle_logits(reference, model, third).items():
        assert_close(again, expected, LOGITS, what=f"new cache, {oracle}", dtype=torch.float32)
        assert_close(plain, expected, LOGITS, what=f"no cache, {oracle}", dtype=torch.float32)
