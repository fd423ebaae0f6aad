"""Multiply by the length instead of dividing.

en: You multiply the sum by length ** length_penalty. Divide: sums are negative, so a larger penalty then
    favours longer beams.
zh: 你把总和乘以了 length ** length_penalty。应当除以它：总和是负数，因此惩罚系数越大越偏向更长的 beam。
caught by: test_beam_length_penalty
"""


class Search:
    def score(self, tokens, total, length_penalty):
        return total * max(len(tokens) - self.prefix_len, 1) ** length_penalty
