"""Bonus: left-padded batches, prefill in buckets, and a GPU."""

import time

import torch
from static_fixtures import (
    F32,
    LOGITS,
    POISON,
    Decoder,
    assert_logits,
    assert_tokens,
    greedy_case,
    make_cache,
    make_model,
    oracle,
    random_ids,
    student_model,
)

from grader.checks import assert_close, check, clue

LENGTHS = (9, 1, 12, 4)  # of the rows of a padded batch
PROMPTS = (40, 3, 117, 16, 64, 1, 90, 33, 17, 120)  # lengths, to be prefilled in buckets
MOST_GRAPHS = 3
ROUNDS, TWICE = 15, 2.0


def pad_left(rows, fill):
    """Return ids and mask [B, S] of rows padded on the left with random tokens."""
    S = max(row.shape[1] for row in rows)
    ids, mask = fill(len(rows), S), torch.zeros(len(rows), S, dtype=torch.int64)
    for i, row in enumerate(rows):
        ids[i, S - row.shape[1] :], mask[i, S - row.shape[1] :] = row[0], 1
    return ids, mask


def spoil_padding(rng, cache):
    """Put something large into the slots of padding: what is there is nobody's business, nor is it seen."""
    state = cache.state_dict()
    clue(None, replaces=1)
    for i, n in enumerate(LENGTHS):
        for value in state.values():
            hidden = value[:, i, :, : max(LENGTHS) - n]
            hidden.copy_(POISON * rng.normal(*hidden.shape))
    cache.load_state_dict(state)


def test_left_padding(student, reference, rng, device):
    """Every row of a left-padded batch gets what it gets alone: step by step, compiled, and generated."""
    model = make_model("base", rng.seed())
    theirs = student_model(student, model, device)
    rows = [random_ids(rng, model, 1, n + 5) for n in LENGTHS]
    due = [oracle(reference, model, row)[0] for row in rows]
    S = max(LENGTHS)
    ids, mask = pad_left(
        [row[:, :n] for row, n in zip(rows, LENGTHS, strict=True)], lambda *s: random_ids(rng, model, *s)
    )
    cache = make_cache(student, model, 4, 24, device)
    compiled = student.compiled("decode_step", fullgraph=True, dynamic=False)
    for step in (student.decode_step, compiled):
        logits = student.prefill(theirs, ids.to(device), cache, attention_mask=mask.to(device))
        last = torch.stack([d[n - 1] for d, n in zip(due, LENGTHS, strict=True)])
        assert_logits(logits, last, "logits after a padded prefill")
        spoil_padding(rng, cache)
        decoder = Decoder(step, theirs, cache, device)
        for i in range(5):
            tokens = torch.cat([row[:, n + i : n + i + 1] for row, n in zip(rows, LENGTHS, strict=True)])
            now = torch.stack([d[n + i] for d, n in zip(due, LENGTHS, strict=True)])
            assert_logits(decoder.feed(tokens, S + i), now, "logits of a padded batch")
    check(
        compiled.graphs == 1,
        f"decode_step was compiled into {compiled.graphs} graphs, due is 1",
        f"decode_step 被编译成了 {compiled.graphs} 个计算图，应为 1 个",
    )
    plain = random_ids(rng, model, 4, S + 4)
    student.prefill(theirs, plain[:, : S + 2].to(device), cache)
    due = oracle(reference, model, plain)
    Decoder(student.decode_step, theirs, cache, device).follow(
        plain, S + 2, due, "logits without padding again"
    )
    cases = [greedy_case(model, rng.seed(), 1, n, 8) for n in LENGTHS]
    ids, mask = pad_left([prompt for prompt, _ in cases], lambda *s: random_ids(rng, model, *s))
    tokens = student.generate(theirs, ids.to(device), 8, attention_mask=mask.to(device))
    assert_tokens(tokens, torch.cat([text for _, text in cases]), "tokens of a padded batch")


def of_padding(logits, padded, n):
    """Say whether these logits are those of the last column of a padded prompt, and not of token n - 1."""
    last = padded[:, -1]
    same = torch.is_tensor(logits) and logits.shape == last.shape and n < padded.shape[1]
    return same and bool((logits.double() - last).norm() < 1e-3 * last.norm())


def test_bucketed_prefill(student, reference, rng, device):
    """Ten prompt lengths take at most three graphs, and no prompt is padded beyond reason."""
    model = make_model("base", rng.seed())
    theirs = student_model(student, model, device)
    prefill = student.compiled("prefill_bucket", fullgraph=True, dynamic=False)
    cache = make_cache(student, model, 2, 512, device)
    for n in PROMPTS:
        size = student.bucket(n)
        fits = type(size) is int and n <= size <= max(32, 4 * n)
        clue(fits, replaces=1)
        check(
            fits,
            "bucket(n) must be an int from n to max(32, 4n)",
            "bucket(n) 应为 n 到 max(32, 4n) 之间的整数",
        )
        ids, filling = random_ids(rng, model, 2, n + 2), random_ids(rng, model, 2, 512)
        due = oracle(reference, model, ids)
        padded = torch.cat((ids[:, :n], filling[:, : size - n]), dim=1)
        logits = prefill(theirs, padded.to(device), torch.tensor([n]).to(device), cache)
        if of_padding(logits, oracle(reference, model, padded), n):
            clue("of the padding", replaces=1)
        assert_close(logits, due[:, n - 1], LOGITS, what="logits after prefill_bucket", dtype=F32)
        check(
            prefill.graphs <= MOST_GRAPHS,
            f"more than {MOST_GRAPHS} graphs for ten prompt lengths",
            f"十种提示长度的计算图超过了 {MOST_GRAPHS} 个",
        )
        decoder = Decoder(student.decode_step, theirs, cache, device)
        decoder.follow(ids, n, due, "logits of decode_step after prefill_bucket")


def timed(run):
    """Return the seconds a call takes, and its answer, which has left the device by then."""
    start = time.perf_counter()
    answer = run()
    return time.perf_counter() - start, answer


def test_cuda(student, reference, rng, device):
    """On a GPU compiled generation takes at most half the time of a growing cache, and says the same."""
    model = make_model("deep", rng.seed())
    theirs = student_model(student, model, device)
    ours = reference.Llama(model.config)
    ours.load_state_dict(model.weights)
    ours.to(device)
    times = {"ours": [], "theirs": []}
    for i in range(ROUNDS + 3):
        prompts, texts = greedy_case(model, rng.seed(), 1, 8, 48)
        prompts = prompts.to(device)
        runs = {
            "theirs": lambda p=prompts: student.generate(theirs, p, 48, compile=True),
            "ours": lambda p=prompts: reference.generate_growing(ours, p, 48).cpu(),
        }
        for name in sorted(runs, reverse=bool(i % 2)):
            spent, tokens = timed(runs[name])  # the first time these prompts are seen: nothing to remember
            if name == "theirs":
                assert_tokens(tokens, texts, "tokens of generate(compile=True)")
            if i >= 3:  # the first rounds compile and warm up
                times[name].append(spent)
    ratio = torch.tensor(times["ours"]).median() / torch.tensor(times["theirs"]).median()
    check(
        float(ratio) >= TWICE,
        f"compiled generation is {float(ratio):.1f} times as fast as a growing cache, due is {TWICE:g}",
        f"编译后的生成速度是增长式缓存的 {float(ratio):.1f} 倍，应达到 {TWICE:g} 倍",
    )
