"""The happy path of every public name. The hidden tests go further; their names are in the README."""

import math

import torch

from grader.checks import assert_close, assert_equal, check

OFF = -math.inf
# Probabilities of the next token (0, 1 or 2 = EOS) after the last one.
BIGRAM = {0: [0.6, 0.3, 0.1], 1: [0.1, 0.1, 0.8], 2: [1 / 3, 1 / 3, 1 / 3]}


def log_prob_fn(sequences):
    """Return log-probabilities [n, 3] of the token after each of n sequences."""
    return torch.tensor([BIGRAM[tokens[-1]] for tokens in sequences]).log()


def validate(sequences):
    """Refuse what is no list of token lists."""
    for tokens in sequences if isinstance(sequences, list | tuple) else [None]:
        if not isinstance(tokens, list | tuple) or not tokens or tokens[-1] not in (0, 1, 2):
            raise ValueError(
                "log_prob_fn takes a list of token lists", "log_prob_fn 的参数应为 token 列表的列表"
            )


def lend(expose):
    """Let the student call log_prob_fn."""
    return expose(log_prob_fn, validate, most=1000)


def test_public_temperature(student, device):
    """A temperature of 0.5 doubles the logits."""
    logits = torch.tensor([[1.0, -2.0, OFF]])
    answer = student.apply_temperature(logits.to(device), 0.5)
    assert_close(answer, torch.tensor([[2.0, -4.0, OFF]]), 1e-6, what="logits at temperature 0.5")


def test_public_top_k(student, device):
    """The two largest of four logits stay at their places."""
    logits = torch.tensor([[1.0, 4.0, 2.0, 3.0], [9.0, 6.0, 7.0, 8.0]])
    expected = torch.tensor([[OFF, 4.0, OFF, 3.0], [9.0, OFF, OFF, 8.0]])
    assert_equal(student.top_k_filter(logits.to(device), 2), expected, what="two best logits")


def test_public_top_p(student, device):
    """The handout's example: of 0.4, 0.3, 0.2, 0.1 three tokens reach 0.8."""
    logits = torch.tensor([[0.1, 0.4, 0.2, 0.3]]).log()
    expected = logits.clone()
    expected[0, 0] = OFF
    assert_equal(student.top_p_filter(logits.to(device), 0.8), expected, what="top-p logits")


def test_public_sample(student, device):
    """Temperature 0 is argmax; otherwise a seed decides, and only possible tokens are drawn."""
    logits = torch.tensor([[0.0, 3.0, 1.0], [2.0, 1.0, OFF]]).to(device)
    greedy = student.sample(logits, temperature=0.0)
    assert_equal(greedy, torch.tensor([1, 0]), what="greedy tokens")
    rows = logits[1:].repeat(100, 1)
    first, second = (
        student.sample(rows, generator=torch.Generator(device=device).manual_seed(7)) for _ in range(2)
    )
    assert_equal(second, first, what="tokens of an equal seed")
    check(set(first.tolist()) == {0, 1}, "expected tokens 0 and 1 only", "应只采到 token 0 和 1")


def test_public_beam_search(student, expose):
    """After 0 the best two tokens are 0, 0 (0.36); once 2 is EOS and a third is allowed, 1, 2 (0.24)."""
    tokens, score = student.beam_search(lend(expose), [0], 2, 2)
    assert_equal(tokens, [0, 0, 0], what="tokens")
    check(abs(score - math.log(0.36)) < 1e-5, "the score is not log 0.36", "分数不是 log 0.36")
    tokens, score = student.beam_search(lend(expose), [0], 2, 3, eos_token_id=2)
    assert_equal(tokens, [0, 1, 2], what="tokens with EOS")
    check(abs(score - math.log(0.24)) < 1e-5, "the score is not log 0.24", "分数不是 log 0.24")


def test_public_pipeline(student, device):
    """End to end: filters one by one leave what `sample` draws from."""
    logits = torch.tensor([[2.0, 1.0, 0.5, -1.0, -3.0]]).to(device)
    hot = student.apply_temperature(logits, 2.0)
    left = student.top_p_filter(student.top_k_filter(hot.to(device), 4).to(device), 0.9)
    possible = set((left[0] > OFF).nonzero().flatten().tolist())
    generator = torch.Generator(device=device).manual_seed(1)
    tokens = student.sample(logits.repeat(2000, 1), temperature=2.0, top_k=4, top_p=0.9, generator=generator)
    check(
        set(tokens.tolist()) == possible,
        "`sample` does not draw exactly the tokens that the filters leave",
        "`sample` 采到的 token 与过滤器保留的不一致",
    )


def test_public_min_p(student, device):
    """With min_p = 0.5 a token needs half the probability of the best."""
    logits = torch.tensor([[0.5, 0.3, 0.2]]).log()
    expected = torch.tensor([[0.5, 0.3, 0.0]]).log()
    assert_equal(student.min_p_filter(logits.to(device), 0.5), expected, what="min-p logits")


def test_public_repetition_penalty(student, device):
    """With penalty 2 a seen logit of 4 becomes 2, one of -1 becomes -2."""
    logits = torch.tensor([[4.0, -1.0, 3.0]])
    answer = student.repetition_penalty(logits.to(device), torch.tensor([[0, 1, 0]]).to(device), 2.0)
    assert_close(answer, torch.tensor([[2.0, -2.0, 3.0]]), 1e-6, what="penalised logits")


def test_public_sampler(student, device):
    """Steps are chained; with one token left the draw is certain."""
    sampler = student.Sampler().add("temperature", 0.7).add("top_k", 1)
    answer = sampler(torch.tensor([[0.0, 3.0], [2.0, 1.0]]).to(device))
    assert_equal(answer, torch.tensor([1, 0]), what="tokens")


def test_public_beam_search_batch(student, expose):
    """Two prefixes at once give what each gives alone."""
    answers = student.beam_search_batch(lend(expose), [[0], [0, 1]], 2, 3, eos_token_id=2)
    assert_equal([list(tokens) for tokens, _ in answers], [[0, 1, 2], [0, 1, 2]], what="tokens of both")
