"""Forget the live beams at the limit.

en: At max_new_tokens you look at finished beams only. Beams that are still live compete with them, each
    with its score.
zh: 达到 max_new_tokens 时你只看已完成的 beam。仍未结束的 beam 也应按各自的分数参与比较。
caught by: test_beam_stopping
"""


class Search:
    def result(self, length_penalty):
        beams = self.finished or self.live
        scored = [(tokens, self.score(tokens, total, length_penalty)) for tokens, total in beams]
        return max(scored, key=lambda beam: beam[1])
