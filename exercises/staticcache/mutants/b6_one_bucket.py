"""Pad every prompt to the same length.

en: There is one bucket for all prompts: a short prompt then costs as much as the longest.
zh: 所有提示都用同一个桶：短提示的开销因此和最长的一样。
caught by: test_bucketed_prefill
"""


def bucket(length):
    return 256
