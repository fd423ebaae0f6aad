"""Bonus: min-p, repetition penalty, a Sampler open to new steps, batched beams."""

import math

import torch
from beam_fixtures import MOST, HashModel, plain_search, well_formed
from row_fixtures import is_decided

from grader.checks import (
    ALL,
    DRAWS,
    StudentRaised,
    assert_close,
    assert_distribution,
    assert_equal,
    assert_form,
    check,
    clue,
    expect_raises,
    within,
)

N = 20_000


def test_min_p(student, rng, device):
    """A token stays if its probability is at least min_p times the largest in its row."""
    from transformers.generation.logits_process import MinPLogitsWarper

    for min_p in (0.05, 0.2, 0.7):
        logits = 2 * rng.normal(200, 40)
        ratio = (logits.double() - logits.double().amax(-1, keepdim=True)).exp()
        logits, ratio = (x[((ratio - min_p).abs() > 1e-4).all(-1)][:8] for x in (logits, ratio))
        expected = logits.masked_fill(ratio < min_p, -math.inf)
        assert torch.equal(expected, MinPLogitsWarper(min_p)(None, logits))
        assert_equal(student.min_p_filter(logits.to(device), min_p), expected, what="min-p logits")
    assert_equal(student.min_p_filter(logits.to(device), 0.0), logits, what="logits after min_p = 0")
    quarter = torch.tensor([[0.0, 0.0, -math.inf, 0.0, -60.0]])
    expected = quarter.masked_fill(quarter < 0, -math.inf)
    assert_equal(student.min_p_filter(quarter.to(device), 1.0), expected, what="logits after min_p = 1")


def test_repetition_penalty(student, rng, device):
    """Seen tokens: positive logits are divided, negative ones multiplied, once each; others stay."""
    from transformers.generation.logits_process import RepetitionPenaltyLogitsProcessor

    logits = 3 * rng.normal(4, 30)
    ids = rng.integers(0, 30, (4, 12))
    ids[:, 6:] = ids[:, :6]  # every token twice
    for penalty in (1.0, 1.3, 2.0):
        expected = RepetitionPenaltyLogitsProcessor(penalty)(ids, logits)
        answer = student.repetition_penalty(logits.to(device), ids.to(device), penalty)
        assert_close(answer, expected, limit=1e-6, what="penalised logits")


def sampler_distribution(logits, steps):
    """Apply named steps in the given order to logits [V] in float64 and return probabilities [V]."""
    x = logits.double()
    for name, value in steps:
        probs, order = x.softmax(-1).sort(descending=True)
        ranks = order.argsort()
        if name == "temperature":
            x = x / value
        elif name == "top_k":
            x = x.masked_fill(ranks >= value, -math.inf)
        else:
            x = x.masked_fill(ranks > int((probs.cumsum(-1) < value).sum()), -math.inf)
    return x.softmax(-1)


def test_sampler_order(student, rng, device):
    """The steps run in the order they were added: chi-square, p < 1e-6 twice, false alarms below 1e-10."""
    for steps in (
        [("top_p", 0.8), ("temperature", 2.0)],
        [("temperature", 2.0), ("top_k", 20), ("top_p", 0.6)],
    ):
        while True:
            logits = 2 * rng.normal(40)
            nudged = [[(n, v + e if n == "top_p" else v) for n, v in steps] for e in (-1e-4, 1e-4)]
            probs, other = (sampler_distribution(logits, s) for s in (steps, steps[::-1]))
            kept = {int((sampler_distribution(logits, s) > 0).sum()) for s in nudged}
            decided = len(kept) == 1 and bool(is_decided(logits[None]))
            if decided and float((probs - other).abs().sum()) > 0.2:
                break
        sampler = student.Sampler()
        for name, value in steps:
            sampler.add(name, value)
        rows, seeds = logits.repeat(N, 1).to(device), [rng.seed() for _ in range(DRAWS)]

        def draw(i, sampler=sampler, rows=rows, seeds=seeds):
            tokens = sampler(rows, generator=torch.Generator(device=device).manual_seed(seeds[i]))
            assert_form(tokens, (N,), torch.int64, "tokens")
            return tokens

        assert_distribution(draw, probs, what="Sampler")


def test_sampler_custom_step(student, rng, device, expose):
    """A function it has never seen runs as a step, at its place, once per call."""
    bias, seen = 8 * rng.normal(20), []
    while True:
        logits = 2 * rng.normal(6, 20)
        best = torch.stack([(logits / 0.5 + bias).topk(2).values, (logits + bias).topk(2).values])
        if float((best[..., 0] - best[..., 1]).min()) > 0.02:
            break

    def sharpen(x):
        seen.append(x.cpu())
        return 1e4 * (x + bias.to(x.device))  # the likeliest token is certain from here on

    def form(x):
        if not isinstance(x, torch.Tensor) or tuple(x.shape) != (6, 20) or not x.is_floating_point():
            raise ValueError(
                "a step must be called with logits of shape [B, V]", "调用步骤时应传入形状为 [B, V] 的 logits"
            )

    step = expose(sharpen, form, most=200, max_calls=4)
    sampler = student.Sampler().add("temperature", 0.5).add(step)
    answer = sampler(logits.to(device))
    assert_equal(answer, (logits / 0.5 + bias).argmax(-1), what="tokens with a custom step")
    assert_equal(len(seen), 1, what="number of calls of the custom step")
    assert_close(seen[0].float(), logits / 0.5, limit=1e-5, what="logits given to the custom step")
    greedy = student.Sampler().add(step).add("greedy")
    assert_equal(
        greedy(logits.to(device)), (logits + bias).argmax(-1), what="greedy tokens with a custom step"
    )


def test_sampler_conflicts(student, rng, device):
    """A name given twice, an unknown name, and greedy beside another named step raise ValueError in add."""
    student.Sampler().add("greedy")
    try:
        second = student.Sampler().add("temperature", 0.5)
    except StudentRaised as error:
        if "ValueError" not in error.mro:
            raise
        clue("a step is refused for those of others", replaces=ALL)
        check(False, "a new Sampler has steps of an earlier one", "新建的 Sampler 带有先前 Sampler 的步骤")
    place = rng.integers(0, 9, (5,))
    logits = torch.zeros(5, 9).scatter(1, place[:, None], 1e4)
    assert_equal(second(logits.to(device)), place, what="tokens of a second Sampler")
    for first, second in (
        (("greedy",), ("top_p", 0.9)),
        (("temperature", 0.7), ("greedy",)),
        (("top_k", 5), ("top_k", 7)),
        (("top_k", 5), ("no_such_step", 1.0)),
    ):
        sampler = student.Sampler().add(*first)
        with expect_raises("ValueError"):
            sampler.add(*second)


def uneven_model(rng, prefixes, beams, penalty):
    """Draw a model on which the searches end at different steps; return it, EOS and the results."""
    while True:
        model, eos = HashModel(rng), rng.integer(0, 7)
        found = [plain_search(model, prefix, beams, 6, eos, penalty) for prefix in prefixes]
        if all(found) and len({taken for _, _, taken in found}) > 1:
            return model, eos, found


def run_batch(student, expose, model, prefixes, beams, eos, penalty):
    """Run the student's batched search."""
    return student.beam_search_batch(
        expose(model, model.validate, most=MOST, max_calls=100),
        prefixes,
        beams,
        6,
        eos_token_id=eos,
        length_penalty=penalty,
    )


def test_beam_batch_equals_single(student, reference, rng, expose):
    """Each prefix of a batch gets what it would get alone, also when the searches end at different steps."""
    for beams, penalty in ((1, 0.0), (2, 1.0), (3, 0.0), (3, 0.7)):
        prefixes = [rng.integers(0, 7, (n,)).tolist() for n in (3, 1, 5)]
        model, eos, found = uneven_model(rng, prefixes, beams, penalty)
        for prefix, (tokens, _, _) in zip(prefixes, found, strict=True):
            assert reference.beam_search(model, prefix, beams, 6, eos, penalty)[0] == tokens
        answers = run_batch(student, expose, model, prefixes, beams, eos, penalty)
        check(
            isinstance(answers, list | tuple) and len(answers) == len(prefixes),
            "beam_search_batch must return a list with one (tokens, score) per prefix",
            "beam_search_batch 应返回列表，每个 prefix 对应一个 (tokens, score)",
        )
        for answer, (tokens, score, _) in zip(answers, found, strict=True):
            got, points = well_formed(answer)
            assert_equal(got, tokens, what="beam_search_batch: tokens")
            within(abs(points - score), 1e-4, "beam_search_batch: score")


def test_beam_batch_calls(student, rng, expose):
    """All prefixes share one call per step, and a finished search asks for nothing more."""
    prefixes = [rng.integers(0, 7, (n,)).tolist() for n in (2, 4, 2, 6)]
    model, eos, found = uneven_model(rng, prefixes, 2, 0.0)
    run_batch(student, expose, model, prefixes, 2, eos, 0.0)
    steps = [taken for _, _, taken in found]
    clue("each beam alone" if max(map(len, model.calls)) == 1 else "several at once")
    check(
        len(model.calls) <= max(steps),
        "log_prob_fn was called more than once per step: put the beams of all prefixes into one call",
        "每一步调用了不止一次 log_prob_fn：请把所有 prefix 的 beam 放进同一次调用",
    )
    active = [sum(step > i for step in steps) for i in range(len(model.calls))]
    check(
        all(len(call) <= 2 * n for call, n in zip(model.calls, active, strict=True)),
        "a search that had already ended was still sent to log_prob_fn",
        "已经结束的搜索仍被送入 log_prob_fn",
    )
