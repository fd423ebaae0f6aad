"""Return the sum instead of the score.

en: You choose by the score but return the plain sum of log-probabilities. Return the number by which you
    chose.
zh: 你按分数选择，却返回了对数概率的总和。请返回用于选择的那个分数。
caught by: test_beam_length_penalty
"""


class Search:
    def result(self, length_penalty):
        return max(self.finished + self.live, key=lambda beam: self.score(*beam, length_penalty))
