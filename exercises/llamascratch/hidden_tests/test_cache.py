"""L12 and L14: the KV cache. Judged by the student's own single pass: a wrong layer costs nothing here."""

import torch
from llama_fixtures import CACHED, make_model, put_logits_right, random_ids, relative, student_model

from grader.checks import assert_close, assert_equal, assert_form, check

F32 = torch.float32
SPLITS = 16


def random_split(rng, n):
    """Cut n tokens into chunks of random length."""
    lengths = []
    while sum(lengths) < n:
        lengths.append(rng.integer(1, 1 + min(rng.choice((2, 6, n)), n - sum(lengths))))
    return lengths


def feed(student, theirs, ids, lengths, device):
    """Feed ids to a new cache chunk by chunk; return all logits and the cache."""
    cache = student.KVCache()
    outputs = [logits_of(theirs, chunk, device, cache) for chunk in ids.split(lengths, dim=1)]
    return torch.cat(outputs, dim=1), cache


def logits_of(theirs, ids, device, cache=None):
    """Return the logits of one call, checked for form."""
    logits = put_logits_right(theirs(ids.to(device), cache=cache), ids)
    assert_form(logits, (*ids.shape, 259), F32, "logits")
    return logits


def one_pass(theirs, ids, device):
    """Return the logits without a cache."""
    return logits_of(theirs, ids, device).double()


def test_cache_chunks(student, rng, device):
    """However a sequence is cut into chunks, the cached logits are those of one pass."""
    model = make_model("gqa", rng.seed())
    theirs = student_model(student, model, device)
    n = 20
    splits = [[n], [1] * n, [n - 1, 1], [1, n - 1]]
    splits += [random_split(rng, n) for _ in range(SPLITS - len(splits))]
    batches = [random_ids(rng, model, 1, n) for _ in range(2)]
    once = [one_pass(theirs, ids, device) for ids in batches]
    for i, lengths in enumerate(splits):
        logits, cache = feed(student, theirs, batches[i % 2], lengths, device)
        assert_close(logits, once[i % 2], CACHED, what="logits through the cache", dtype=F32)
        assert_equal(len(cache), n, what="len(cache)")
    other = batches[0].clone()
    other[:, 0] = 3 + (other[:, 0] - 2) % 256
    logits, _ = feed(student, theirs, other, [12, 8], device)
    check(
        relative(logits[:, -1], once[0][:, -1]) > 1e-4,
        "the first token has no influence on the last logits: does attention see what is in the cache?",
        "第一个 token 对最后的 logits 没有影响：注意力看到缓存里的内容了吗？",
    )


def test_cache_contract(student, rng, device):
    """`update` appends to one layer and returns all its keys and values; `len` counts tokens."""
    cache, layers = student.KVCache(), 3
    assert_equal(len(cache), 0, what="len of a new cache")
    pieces = [[(rng.normal(2, 3, s, 4), rng.normal(2, 3, s, 4)) for _ in range(layers)] for s in (5, 1, 2)]
    for step, lengths in enumerate((5, 6, 8)):
        for layer in range(layers):
            k, v = pieces[step][layer]
            both = cache.update(layer, k.to(device), v.to(device))
            check(
                isinstance(both, tuple | list) and len(both) == 2,
                "update must return (keys, values)",
                "update 应返回 (keys, values)",
            )
            for which, what in enumerate(("keys", "values")):
                due = torch.cat([pieces[i][layer][which] for i in range(step + 1)], dim=2)
                assert_equal(both[which], due, what=f"{what} returned by update")
        assert_equal(len(cache), lengths, what="len(cache)")


def test_cache_isolated(student, rng, device):
    """Each KVCache holds its own sequence: two caches interleaved on one model never mix."""
    model = make_model("gqa", rng.seed())
    theirs = student_model(student, model, device)
    ids = [random_ids(rng, model, 1, n) for n in (14, 11)]
    once = [one_pass(theirs, i, device) for i in ids]
    caches, mixed = [student.KVCache(), student.KVCache()], ([], [])
    for chunks in zip(ids[0].split((6, 1, 7), dim=1), ids[1].split((3, 7, 1), dim=1), strict=True):
        for i, chunk in enumerate(chunks):
            mixed[i].append(logits_of(theirs, chunk, device, caches[i]))
    alone = one_pass(theirs, ids[0][:, -7:], device)
    check(
        relative(mixed[0][-1], alone) > 1e-4,
        "what is in the cache has no influence on the logits",
        "缓存里的内容对 logits 没有影响",
    )
    for logits, due in zip(mixed, once, strict=True):
        assert_close(torch.cat(logits, dim=1), due, CACHED, what="logits of interleaved caches", dtype=F32)
    again, cache = feed(student, theirs, ids[1], [4, 7], device)
    assert_close(again, once[1], CACHED, what="logits with a new cache", dtype=F32)
    assert_equal([len(c) for c in (*caches, cache)], [14, 11, 11], what="lengths of the three caches")
    assert_close(logits_of(theirs, ids[0], device), once[0], CACHED, what="logits without a cache", dtype=F32)
