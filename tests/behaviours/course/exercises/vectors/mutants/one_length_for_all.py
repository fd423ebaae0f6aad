"""Divide every row by the length of the whole matrix.

en: You divide all rows by one length; every row has its own.
zh: 你让所有行除以同一个长度；每一行应除以自己的长度。
caught by: test_normalise
"""

import torch


def normalise(x):
    length = x.norm()
    return x / torch.where(length == 0, 1, length)
