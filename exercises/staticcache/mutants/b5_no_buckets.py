"""Make a bucket for every length.

en: bucket returns the length itself: every prompt length gets a graph of its own.
zh: bucket 直接返回了长度本身：每种提示长度都要一个单独的计算图。
caught by: test_bucketed_prefill
"""


def bucket(length):
    return length
