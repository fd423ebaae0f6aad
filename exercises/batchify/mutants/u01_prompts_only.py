"""Count prompts only.

en: The new tokens are in the cache, too: count them in used and in allocated slots.
zh: 新 token 也在缓存里：已用和已分配的槽位都要把它们算进去。
caught by: test_cache_utilization
"""


def cache_utilization(prompt_lens, new_lens):
    return sum(prompt_lens) / (len(prompt_lens) * max(prompt_lens))
