"""Return the share that is wasted.

en: You return the share of slots that is wasted; return the share that is used.
zh: 你返回的是浪费的比例；应返回已用的比例。
caught by: test_cache_utilization
"""


def cache_utilization(prompt_lens, new_lens):
    allocated = len(prompt_lens) * (max(prompt_lens) + max(new_lens))
    return 1 - (sum(prompt_lens) + sum(new_lens)) / allocated
