"""Allocate for the longest single row.

en: Allocated is the longest prompt plus the most new tokens, also if these belong to different rows: left
    padding aligns the ends of all prompts.
zh: 分配的宽度是最长提示加最多新 token，即使二者属于不同的行：左填充使所有提示的末尾对齐。
caught by: test_cache_utilization
"""


def cache_utilization(prompt_lens, new_lens):
    rows = [p + n for p, n in zip(prompt_lens, new_lens, strict=True)]
    return sum(rows) / (len(rows) * max(rows))
