"""Temperature, top-k and top-p: exact tests against float64 oracles and transformers' own warpers."""

import math

import pytest
import torch
from row_fixtures import decided_rows, kept, oracle_top_k, oracle_top_p

from grader.checks import assert_close, assert_equal, check, clue


@pytest.mark.parametrize("temperature", [0.1, 1.0, 7.0])
def test_temperature(student, rng, device, temperature):
    """Temperature divides every logit; what is -inf stays -inf."""
    logits = 3 * rng.normal(4, 50)
    logits[1, rng.permutation(50)[:20]] = -math.inf
    answer = student.apply_temperature(logits.to(device), temperature)
    expected = logits.double() / temperature
    assert_close(answer, expected, limit=1e-6, what="scaled logits", dtype=torch.float32)


def test_top_k(student, rng, device):
    """Exactly the k largest logits of every row stay, whatever the other rows hold."""
    from transformers.generation.logits_process import TopKLogitsWarper

    logits = 64 * decided_rows(rng, 4, 37) + torch.tensor([[0.0], [3000.0], [-3000.0], [300.0]])
    for top_k in (1, 2, 10, 36):
        expected = oracle_top_k(logits, top_k)
        assert torch.equal(expected, TopKLogitsWarper(top_k)(None, logits))
        assert_equal(student.top_k_filter(logits.to(device), top_k), expected, what="top-k logits")


def test_top_k_ties(student, rng, device):
    """With ties at rank k: all above stay, all below go, at least k remain."""
    for _ in range(6):
        values = torch.tensor([5.0, 4.0, 3.0, 3.0, 3.0, 3.0, 1.0, 0.0, -2.0])[rng.permutation(9)]
        for top_k in (3, 4, 5):
            mask = kept(student.top_k_filter(values[None].to(device), top_k))[0]
            clue([int(mask[part].sum()) for part in (values > 3, values == 3, values < 3)], replaces=1)
            check(
                bool(mask[values > 3].all()),
                "a logit above the k-th largest was masked",
                "大于第 k 大值的 logit 被屏蔽了",
            )
            check(
                not bool(mask[values < 3].any()),
                "a logit below the k-th largest was kept",
                "小于第 k 大值的 logit 被保留了",
            )
            check(int(mask.sum()) >= top_k, "fewer than k tokens were kept", "保留的 token 少于 k 个")


def test_top_k_off(student, rng, device):
    """With k <= 0 or k >= V the filter is off and the logits come back unchanged."""
    logits = rng.normal(3, 8)
    for top_k in (0, -1, 8, 9, 100):
        assert_equal(student.top_k_filter(logits.to(device), top_k), logits, what="unfiltered logits")
    check(  # what filters nothing is off always
        not bool(kept(student.top_k_filter(logits.to(device), 1)).all()),
        "with k = 1 the filter masks nothing: off counts once it can be on",
        "k = 1 时过滤器也什么都没有屏蔽：只有能够起作用，“不起作用”才计分",
    )


@pytest.mark.parametrize(("V", "scale"), [(50, 2.0), (1000, 6.0)])
def test_top_p(student, rng, device, V, scale):
    """Every row keeps its own smallest set of likeliest tokens with mass >= p, at their own places."""
    from transformers.generation.logits_process import TopPLogitsWarper

    ps = (0.1, 0.5, 0.9, 0.99)
    logits = decided_rows(rng, 4, V, ps, scale=scale)
    for top_p in ps:
        expected = oracle_top_p(logits, top_p)
        assert torch.equal(expected, TopPLogitsWarper(top_p)(None, logits))
        assert_equal(student.top_p_filter(logits.to(device), top_p), expected, what="top-p logits")


def test_top_p_boundary(student, rng, device):
    """Stop as soon as the mass is >= p: of n equal tokens and p = j/n exactly j stay.

    At exactly p the logits are 0 and n is 2 or 4: there every way to compute the probabilities (softmax,
    exp(x - logsumexp(x)), float64) and to sum them comes to exactly j/n. Elsewhere p keeps off it.
    """
    for n in (3, 5, 8):
        for j in range(1, n):
            logits = _equal_rows(rng, n, float(rng.normal(1)))
            for p, due in ((j / n - 1e-3, j), (j / n + 1e-3, j + 1)):
                _check_count(student.top_p_filter(logits.to(device), p), due, "")
    for n in (2, 4):
        for j in range(1, n):
            answer = student.top_p_filter(_equal_rows(rng, n, 0.0).to(device), j / n)
            _check_count(answer, j, EXACTLY)


EXACTLY = (
    "Everywhere but at exactly p the number was right: `>` for `>=`, or a sum that rounding keeps off p",
    "除了恰好等于 p 的情形，个数都正确：要么把 `>=` 写成了 `>`，要么求和因舍入误差而不恰好等于 p",
)


def _equal_rows(rng, n, level):
    """Make two rows in which n tokens are equally likely and three are masked."""
    logits = torch.full((2, n + 3), -math.inf)
    for row in logits:
        row[rng.permutation(n + 3)[:n]] = level
    return logits


def _check_count(answer, due, more):
    """Fail unless `due` tokens are kept in each row; `more` is what else can be said, in both languages."""
    count = kept(answer).sum(-1)
    clue(sorted({c - due for c in count.tolist()}), replaces=1)
    en, zh = more or ("", "")
    check(
        bool((count >= due).all()),
        f"fewer tokens were kept than are needed to reach p. {en}".strip(". "),
        f"保留的 token 不足以使累积概率达到 p。{zh}".strip("。"),
    )
    check(
        bool((count <= due).all()),
        "more tokens were kept than are needed: the set is complete when its mass is >= p, and of equally "
        f"likely tokens only as many enter as are needed. {en}".strip(". "),
        f"保留的 token 太多：累积概率 >= p 时集合即完成；概率相同的 token 也只保留所需的个数。{zh}".strip(
            "。"
        ),
    )


def test_top_p_limits(student, rng, device):
    """With p = 1 nothing is masked; p = 0 and a tiny p keep exactly the likeliest token."""
    logits = decided_rows(rng, 3, 9)
    logits[0, rng.integer(0, 9)] = 40.0  # the others have a mass far below float32's resolution at 1
    assert_equal(student.top_p_filter(logits.to(device), 1.0), logits, what="logits after p = 1")
    best = oracle_top_k(logits, 1)
    for top_p in (0.0, 1e-9):
        assert_equal(student.top_p_filter(logits.to(device), top_p), best, what="logits after p near 0")


def test_filters_keep_values(student, rng, device):
    """What is kept is bit-identical to the input; what is masked is -inf, not a large number."""
    logits = decided_rows(rng, 3, 30, (0.2, 0.9)) - 5.0
    for function, less, more in ((student.top_k_filter, 3, 20), (student.top_p_filter, 0.2, 0.9)):
        counts = []
        for setting in (less, more):
            answer = function(logits.to(device), setting)
            assert_equal(list(answer.shape), list(logits.shape), what="shape")
            same = answer == logits
            check(
                bool((same | (answer == -math.inf)).all()),
                "the output holds values that are neither the input's own nor -inf",
                "输出中有既不是原始 logit 也不是 -inf 的值",
            )
            check(bool(same.any(-1).all()), "the filter masked everything", "过滤器屏蔽了全部 token")
            counts.append(int(same.sum()))
        check(
            counts[0] < counts[1] <= logits.numel() and counts[0] < logits.numel(),
            "the filter keeps as much with a small k or p as with a large one",
            "k 或 p 较小时保留的 token 与较大时一样多",
        )


def test_filters_on_extreme_rows(student, rng, device):
    """Rows with masked tokens, with one possible token, and with logits of +-10000 stay exact, no NaN."""
    (masked,) = decided_rows(rng, 1, 20, (0.3, 0.95), hidden=8)
    (single,) = decided_rows(rng, 1, 20, (0.3, 0.95), hidden=19)
    huge = torch.where(rng.uniform(20) < 0.5, 1e4, -1e4) + 100 * rng.permutation(20).float()
    high = 1e4 + 2 * rng.permutation(20).float()
    logits = torch.stack([masked, single, huge, high])
    for top_k in (1, 3, 15):
        # In half the cases fewer than top_k tokens are possible: those stay.
        answer = student.top_k_filter(logits.to(device), top_k)
        assert_equal(answer, oracle_top_k(logits, top_k), what="top-k logits")
    for top_p in (0.3, 0.95):
        answer = student.top_p_filter(logits.to(device), top_p)
        assert_equal(answer, oracle_top_p(logits, top_p), what="top-p logits")


def test_filters_properties(student, rng, device):
    """Top-p is as small as it can be, grows with p and follows a reordering; top-k twice is top-k once."""
    for _ in range(20):
        B, V, top_k = rng.integer(1, 5), rng.integer(2, 41), rng.integer(1, 41)
        low, high = sorted(rng.uniform(2, low=0.05, high=0.95).tolist())
        logits = decided_rows(rng, B, V, (low, high), scale=1.5)
        answer = student.top_p_filter(logits.to(device), high)
        _check_smallest_set(logits, answer, high)

        order = rng.permutation(V)
        moved = student.top_p_filter(logits[:, order].to(device), high)
        assert_equal(kept(moved), kept(answer)[:, order], what="kept set after reordering the vocabulary")
        fewer = kept(student.top_p_filter(logits.to(device), low))
        check(
            not bool((fewer & ~kept(answer)).any()),
            "a smaller p kept a token that a larger p does not keep",
            "较小的 p 保留了较大的 p 没有保留的 token",
        )
        once = student.top_k_filter(logits.to(device), top_k)
        assert_equal(student.top_k_filter(once.to(device), top_k), once, what="top-k applied twice")


def _check_smallest_set(logits, answer, top_p):
    assert_equal(list(answer.shape), list(logits.shape), what="shape")
    probs = logits.double().softmax(-1)
    mass = (probs * kept(answer)).sum(-1)
    smallest = probs.masked_fill(~kept(answer), math.inf).amin(-1)
    check(
        bool((mass >= top_p - 1e-5).all()),
        "the kept tokens do not reach the mass p",
        "保留的 token 的概率之和没有达到 p",
    )
    check(
        bool((mass - smallest < top_p + 1e-5).all()),
        "the kept set is not the smallest: its least likely token is not needed",
        "保留的集合不是最小的：其中概率最小的 token 并不需要",
    )
