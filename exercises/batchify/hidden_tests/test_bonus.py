"""The bonus: how full a batch's cache is, and torch's fused attention."""

import torch

from grader.checks import assert_close, assert_form, check, clue, expect_raises, within

LONG, HEADS, SIZE = 4096, 16, 8  # all scores at once would take HEADS * LONG**2 * 4 bytes = 1 GiB, and a copy


def test_cache_utilization(student, rng):
    """Used over allocated slots of a batch's cache; between 1/B and 1."""
    cases = [([8, 8, 8], [4, 4, 4]), ([1000, 1, 1, 1], [1, 1, 1, 1]), ([5], [3]), ([4, 2], [0, 0])]
    for _ in range(10):
        B = rng.integer(1, 8)
        cases.append((rng.integers(1, 60, (B,)).tolist(), rng.integers(0, 60, (B,)).tolist()))
    for prompt_lens, new_lens in cases:
        answer = student.cache_utilization(prompt_lens, new_lens)
        check(
            isinstance(answer, float),
            "cache_utilization must return a float",
            "cache_utilization 应返回 float",
        )
        allocated = sum(max(prompt_lens) + max(new_lens) for _ in prompt_lens)
        used = sum(p + n for p, n in zip(prompt_lens, new_lens, strict=True))
        within(abs(answer - used / allocated), 1e-6, "error of the utilisation")


def attention64(q, k, v, mask):
    """Attend in float64; rows that see nothing come out as zeros."""
    groups = q.shape[1] // k.shape[1]
    k, v = (x.double().repeat_interleave(groups, dim=1) for x in (k, v))
    scores = q.double() @ k.mT / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(-1).nan_to_num(0.0) @ v


def test_sdpa(student, rng):
    """Both backends of `attend` agree under padding masks; sdpa never holds all scores at once."""
    lengths = torch.tensor([5, 12, 1])
    mask = torch.arange(12) >= 12 - lengths[:, None]  # [B, T]
    for H, Hkv in ((4, 4), (8, 2), (4, 1)):
        for S in (12, 1, 4):
            q, k, v = rng.normal(3, H, S, 16), rng.normal(3, Hkv, 12, 16), rng.normal(3, Hkv, 12, 16)
            visible = torch.ones(S, 12, dtype=torch.bool).tril(12 - S) & mask[:, None, None]
            for given in (visible, None):
                seen = torch.ones(3, S, dtype=torch.bool) if given is None else given.any(-1)[:, 0]
                due = attention64(q, k, v, given).transpose(1, 2)[seen]
                for backend in ("sdpa", "eager"):
                    out = student.attend(q, k, v, given, backend)
                    assert_form(out, tuple(q.shape), torch.float32, f"{backend} attention")
                    check(  # eager is llamascratch's, and judged there
                        backend == "eager" or bool(out.isfinite().all()),
                        f"{backend}: a query that sees nothing gives NaN or infinity",
                        f"{backend}：什么都看不到的 query 得到了 NaN 或无穷大",
                    )
                    clue(out.where(seen[:, None, :, None], 0), replaces=1)  # the other values are free
                    assert_close(
                        out.transpose(1, 2)[seen], due, 1e-5, what=f"{backend} attention", dtype=torch.float32
                    )
    with expect_raises("ValueError"):
        student.attend(q, k, v, None, "fastest")
    q, k, v = (rng.normal(1, HEADS, LONG, SIZE) for _ in range(3))
    causal = torch.ones(1, 1, LONG, LONG, dtype=torch.bool).tril()
    out = student.attend(q, k, v, causal, backend="sdpa")
    assert_form(out, tuple(q.shape), torch.float32, "sdpa attention of a long sequence")
    some = torch.arange(0, LONG, 67)
    due = attention64(q[:, :, some], k, v, causal[:, :, some])
    assert_close(out[:, :, some], due, 1e-5, what="sdpa attention of a long sequence", dtype=torch.float32)
