"""Return a percentage.

en: Utilisation is a share between 0 and 1, not a percentage.
zh: 利用率是 0 到 1 之间的比例，不是百分数。
caught by: test_cache_utilization
"""


def cache_utilization(prompt_lens, new_lens):
    allocated = len(prompt_lens) * (max(prompt_lens) + max(new_lens))
    return 100 * (sum(prompt_lens) + sum(new_lens)) / allocated
