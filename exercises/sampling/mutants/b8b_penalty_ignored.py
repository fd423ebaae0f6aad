"""Ignore the length penalty.

en: Your score is the plain sum of the log-probabilities whatever `length_penalty` is. Divide the sum by
    (number of new tokens) ** length_penalty, for the choice of the winner and in what you return.
zh: 无论 `length_penalty` 是多少，你的分数都是对数概率之和。请把总和除以（新 token 数）** length_penalty，
    选出获胜者和返回分数时都要如此。
caught by: test_beam_length_penalty
"""


class Search:
    def score(self, tokens, total, length_penalty):
        return float(total)
