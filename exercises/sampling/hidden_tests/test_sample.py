"""The draw itself: greedy, generator semantics, distribution, independence, low precision.

Statistics: every distribution is judged by Pearson's chi-square at p < 1e-6, confirmed on a second
independent sample. The measured tail is at most 1e-5 per sample, so one comparison fails a correct
sampler with probability below 1e-10. A run makes 14 of them (8 settings, 2 pairings of rows, 2 half
precisions, 2 in the bonus): the false-alarm rate of the whole exercise is below 2e-9 per run. All
other tests are exact, or compare hundreds of uniform draws that coincide with probability below 1e-100.
"""

import math

import pytest
import torch
from row_fixtures import decided_rows, is_decided

from grader.checks import (
    DRAWS,
    StudentRaised,
    assert_distribution,
    assert_equal,
    assert_form,
    check,
    clue,
)

N = 20_000
V = 64


def seeded(seed, device):
    """Make a generator for the student on the device under test."""
    return torch.Generator(device=device).manual_seed(seed)


def target(reference, logits, temperature=1.0, top_k=0, top_p=1.0):
    """Return the distribution [V] that `sample` must follow, in float64."""
    scaled = reference.apply_temperature(logits.double()[None], temperature)
    kept = reference.top_p_filter(reference.top_k_filter(scaled, top_k), top_p)
    return kept.softmax(-1)[0]


def wrong_orders(reference, logits, temperature=1.0, top_k=0, top_p=1.0):
    """Return the distributions of the likeliest wrong orders of the steps."""
    x = logits.double()[None]
    hot, p, k = reference.apply_temperature, reference.top_p_filter, reference.top_k_filter
    late = hot(p(k(x, top_k), top_p), temperature)
    swapped = k(p(hot(x, temperature), top_p), top_k)
    return [late.softmax(-1)[0], swapped.softmax(-1)[0]]


def told_apart(wrong, probs):
    """Say whether N draws from `wrong` are certain to show that they do not follow `probs`."""
    return float(wrong[probs == 0].sum()) > 0.005 or float((wrong - probs).abs().sum()) > 0.2


def telling_logits(reference, rng, setting):
    """Draw logits [V] on which every wrong order shows and no cumulative probability is near top_p."""
    ps = [setting["top_p"]] if "top_p" in setting else []
    while True:
        logits = 2 * rng.normal(V)
        scaled = (logits.double() / setting.get("temperature", 1.0))[None]
        probs = target(reference, logits, **setting)
        wrong = wrong_orders(reference, logits, **setting) if len(setting) > 1 else []
        different = [q for q in wrong if not torch.equal(q, probs)]
        if setting.keys() == {"top_k", "top_p"}:  # top-p first, or top-k alone: two mistakes to tell apart
            clear = told_apart(wrong[1], target(reference, logits, top_k=setting["top_k"]))
        else:
            clear = True
        left = reference.top_k_filter(scaled, setting.get("top_k", 0))
        if clear and bool(is_decided(left, ps)) and all(told_apart(q, probs) for q in different):
            return logits, probs


def check_setting(student, reference, rng, device, setting):
    """Compare N draws of one batched call with the exact distribution."""
    logits, probs = telling_logits(reference, rng, setting)
    rows = logits.repeat(N, 1).to(device)
    seeds = [rng.seed() for _ in range(DRAWS)]

    def draw(i):
        tokens = student.sample(rows, generator=seeded(seeds[i], device), **setting)
        assert_form(tokens, (N,), torch.int64, "tokens")
        return tokens

    assert_distribution(draw, probs, what="sample")


def check_heeded(student, rng, device):
    """Fail where temperature, top-k and top-p all change nothing: how such a draw is made says nothing.

    One of them is enough, so that a mistake in another is not charged here.
    """
    rows, seed = rng.normal(V).repeat(300, 1).to(device), rng.seed()

    def spread(**setting):
        try:
            tokens = student.sample(rows, generator=seeded(seed, device), **setting)
        except StudentRaised:
            return 300
        clue("drawn to count", replaces=1)
        return len(tokens.unique()) if isinstance(tokens, torch.Tensor) else 300

    wide = spread()
    heeded = any(2 * spread(**only) < wide for only in ({"temperature": 0.05}, {"top_k": 4}, {"top_p": 0.1}))
    check(
        heeded,
        "temperature, top_k and top_p change nothing: the draw counts once it follows one of them",
        "temperature、top_k、top_p 都不起作用：采样至少遵循其中之一后才计分",
    )


def test_zero_temperature(student, rng, device):
    """Temperature 0 is argmax, exactly: also where the runner-up is one rounding step below."""
    place, best = rng.integers(0, 100, (64,)), 2.5 + rng.uniform(64)
    logits = rng.normal(64, 100).clamp(max=2).scatter(1, place[:, None], best[:, None])
    runner_up = (place + rng.integers(1, 100, (64,))) % 100
    close = torch.where(torch.arange(64) % 2 == 0, best - 1e-4, best.nextafter(torch.tensor(-math.inf)))
    logits[torch.arange(64), runner_up] = close
    for more in ({}, {"top_k": 5}, {"top_p": 0.9}, {"top_k": 7, "top_p": 0.5}):
        generator = seeded(rng.seed(), device)
        answer = student.sample(logits.to(device), temperature=0.0, generator=generator, **more)
        if isinstance(answer, torch.Tensor) and answer.shape == place.shape:  # a wrong one may be drawn
            missed = answer != place
            clue([bool(missed.any()), bool((missed & (answer != runner_up)).any())], replaces=1)
        assert_equal(answer, place, what="greedy tokens")


def test_zero_temperature_ties(student, rng, device):
    """Where several tokens share the maximum, temperature 0 gives any one of them."""
    logits = rng.normal(16, 30).clamp(max=0.5)
    logits[:, :4] = 0.5
    answer = student.sample(logits.to(device), temperature=0.0)
    assert_form(answer, (16,), torch.int64, "greedy tokens")
    inside = bool(((answer >= 0) & (answer < 30)).all())
    check(
        inside and bool((logits.gather(1, answer.clamp(0, 29)[:, None]) == 0.5).all()),
        "a token was chosen that does not have the largest logit",
        "选中了 logit 并非最大的 token",
    )


def test_one_candidate_left(student, rng, device):
    """Where only one token is left (k = 1, p = 0, one finite logit, V = 1) it is drawn, always."""
    logits = decided_rows(rng, 200, 40, scale=3.0)
    best = logits.argmax(-1)
    for setting in (
        {"top_k": 1},
        {"top_p": 0.0},
        {"temperature": 5.0, "top_k": 1},
        {"top_k": 3, "top_p": 0.0},
    ):
        generator = seeded(rng.seed(), device)
        answer = student.sample(logits.to(device), generator=generator, **setting)
        assert_equal(answer, best, what="the only candidate")
    single = torch.full((200, 40), -math.inf).scatter(1, best[:, None], logits.gather(1, best[:, None]))
    for setting in ({}, {"temperature": 0.3, "top_k": 5, "top_p": 0.9}, {"temperature": 0.0}):
        generator = seeded(rng.seed(), device)
        answer = student.sample(single.to(device), generator=generator, **setting)
        assert_equal(answer, best, what="the only finite logit")
    answer = student.sample(rng.normal(3, 1).to(device), generator=seeded(rng.seed(), device))
    assert_equal(answer, torch.zeros(3, dtype=torch.int64), what="vocabulary of one token")


def test_sample_extreme_logits(student, rng, device):
    """Logits of +-10000 and cold temperatures give the likeliest token, not NaN."""
    place = rng.integers(0, 30, (100,))
    logits = (-1e4 + 100 * rng.uniform(100, 30)).scatter(1, place[:, None], 1e4)
    for setting in ({}, {"temperature": 0.01}, {"temperature": 0.5, "top_k": 10, "top_p": 0.9}):
        generator = seeded(rng.seed(), device)
        answer = student.sample(logits.to(device), generator=generator, **setting)
        assert_equal(answer, place, what="the only likely token")
    close = 1e4 - 30 + rng.permutation(30).float().repeat(100, 1)  # the next best is 1 lower
    setting = {"temperature": 0.01, "generator": seeded(rng.seed(), device)}
    answer = student.sample(close.to(device), **setting)
    assert_equal(answer, close.argmax(-1), what="the only token that is likely when it is cold")


def test_generator_decides(student, rng, device):
    """Equal seeds give equal tokens, whatever happened in between; another seed gives other tokens."""
    logits = (0.1 * rng.normal(50)).repeat(500, 1).to(device)
    seed = rng.seed()
    first = student.sample(logits, generator=seeded(seed, device))
    student.sample(logits)
    again = student.sample(logits, generator=seeded(seed, device))
    other = student.sample(logits, generator=seeded(seed + 1, device))
    assert_form(first, (500,), torch.int64, "tokens")
    told = [torch.equal(first, tokens) for tokens in (again, other, first[:1].expand(500))]
    clue([*told, torch.equal(first, logits.argmax(-1).cpu())], replaces=4)
    assert_equal(again, first, what="tokens of an equally seeded generator")
    check(
        not torch.equal(other, first),
        "a generator with another seed gave the same tokens",
        "种子不同的 generator 给出了相同的 token",
    )
    check_heeded(student, rng, device)


def test_generator_advances(student, rng, device):
    """One generator used twice gives other tokens the second time; without one, calls differ, too."""
    logits = torch.zeros(500, 50, device=device)
    generator = seeded(rng.seed(), device)
    pairs = [[student.sample(logits, generator=g) for _ in range(2)] for g in (generator, None)]
    for first, _ in pairs:
        assert_form(first, (500,), torch.int64, "tokens")
    clue([torch.equal(first, second) for first, second in pairs], replaces=4)
    for first, second in pairs:
        check(
            not torch.equal(first, second),
            "two calls in a row gave the same tokens: do not seed inside `sample`",
            "连续两次调用得到相同的 token：不要在 `sample` 内部重新设种子",
        )
    check_heeded(student, rng, device)


@pytest.mark.parametrize("setting", [{}, {"temperature": 0.7}, {"temperature": 1.8}], ids=str)
def test_sample_temperature(student, reference, rng, device, setting):
    """20,000 draws follow softmax(logits / temperature): chi-square, p < 1e-6 twice.

    A correct sampler fails one setting with probability below 1e-10.
    """
    check_setting(student, reference, rng, device, setting)


@pytest.mark.parametrize(
    "setting",
    [
        {"top_k": 7},
        {"top_p": 0.8},
        {"top_k": 12, "top_p": 0.7},
        {"temperature": 0.6, "top_p": 0.9},
        {"temperature": 1.5, "top_k": 12, "top_p": 0.8},
    ],
    ids=str,
)
def test_sample_filters(student, reference, rng, device, setting):
    """20,000 draws follow temperature, top-k, top-p in this order: chi-square, p < 1e-6 twice.

    A token outside the kept set fails at once. A correct sampler fails one setting with probability
    below 1e-10.
    """
    check_setting(student, reference, rng, device, setting)


def test_rows_are_independent(student, rng, device):
    """Rows do not share their draw: pairs of rows fill all 16 x 16 cells evenly (chi-square as above)."""
    logits = torch.zeros(2 * N, 16, device=device)
    seeds = [rng.seed() for _ in range(2 * DRAWS)]

    def draw(i):
        tokens = student.sample(logits, generator=seeded(seeds[i], device))
        assert_form(tokens, (2 * N,), torch.int64, "tokens")
        check(
            bool(((tokens >= 0) & (tokens < 16)).all()),
            "token ids outside the vocabulary",
            "token id 超出词表范围",
        )
        return tokens

    def neighbours(i):
        tokens = draw(i)
        return tokens[0::2] * 16 + tokens[1::2]

    def halves(i):
        tokens = draw(DRAWS + i)
        return tokens[:N] * 16 + tokens[N:]

    even = torch.full((256,), 1 / 256, dtype=torch.float64)
    assert_distribution(neighbours, even, what="neighbouring rows")
    assert_distribution(halves, even, what="rows half a batch apart")
    check_heeded(student, rng, device)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["fp16", "bf16"])
def test_low_precision_draw(student, rng, device, dtype):
    """Half-precision logits are drawn from in float32: exact masks, no overflow, the right distribution.

    Chi-square, p < 1e-6 twice: a correct sampler fails with probability below 1e-10.
    """
    place = rng.integer(0, 50304)
    logits = torch.zeros(16, 50304, dtype=dtype)
    logits[:, place] = 1
    answer = student.sample(logits.to(device), top_k=1, generator=seeded(rng.seed(), device))
    assert_equal(answer, torch.full((16,), place), what="the only candidate")

    steep = torch.zeros(32, 20, dtype=dtype)
    steep[:, :10] = 4096.0
    steep[:, 1 + place % 9] = 4096.0 + 256
    setting = {"temperature": 0.01, "top_k": 15, "generator": seeded(rng.seed(), device)}
    answer = student.sample(
        steep.to(device), **setting
    )  # with top-k: not one that takes 0 for a number fails
    clue("after overflow", replaces=1)  # what is drawn from NaN depends on how it is drawn
    assert_equal(answer, torch.full((32,), 1 + place % 9), what="the only likely token")

    row = (0.3 * rng.normal(256)).to(dtype)
    rows, seeds = row.repeat(N, 1).to(device), [rng.seed() for _ in range(DRAWS)]

    def draw(i):
        tokens = student.sample(rows, generator=seeded(seeds[i], device))
        assert_form(tokens, (N,), torch.int64, "tokens")
        return tokens

    assert_distribution(draw, row.double().softmax(-1), what="sample from half-precision logits")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["fp16", "bf16"])
def test_low_precision_top_p(student, rng, device, dtype):
    """Half-precision logits come back in their dtype, but probabilities are added in float32."""
    level = 0.25 * rng.integer(-8, 9)
    logits = torch.full((1, 32768), level, dtype=dtype)
    answer = student.top_p_filter(logits.to(device), 0.9)
    clue("which of equal tokens stay is nobody's mistake", replaces=1)
    assert_form(answer, (1, 32768), dtype, "top-p logits")
    count = int((answer > -math.inf).sum())
    clue([count == 32768, count > 29496, count < 29488])
    check(
        abs(count - 29492) <= 4,
        "of 32768 equally likely tokens the wrong number was kept: sum probabilities in float32",
        "在 32768 个等概率 token 中保留的个数不对：请用 float32 累加概率",
    )
    raised = torch.zeros(500, 4096, dtype=dtype)
    chosen = rng.permutation(4096)[:64]
    raised[:, chosen] = 4.0  # 64 tokens hold 46 % of the mass
    tokens = student.sample(raised.to(device), top_p=0.4, generator=seeded(rng.seed(), device))
    assert_form(tokens, (500,), torch.int64, "tokens")
    inside = bool(torch.isin(tokens, chosen).all())
    clue([inside, len(tokens.unique()) == 1], replaces=1)
    check(
        inside,
        "a token outside the top-p set was drawn",
        "采到了 top-p 集合之外的 token",
    )
    check(len(tokens.unique()) >= 40, "the draws do not cover the top-p set", "采样没有覆盖 top-p 集合")
