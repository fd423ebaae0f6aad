"""Return the new tokens without the prefix.

en: You return the new tokens only. beam_search returns the whole sequence: the prefix, then the new tokens.
zh: 你只返回了新生成的 token。beam_search 应返回整个序列：先是 prefix，然后是新 token。
caught by: test_beam_one_is_greedy, test_beam_exhaustive
"""


class Search:
    def result(self, length_penalty):
        beams = self.finished + self.live
        scored = [(tokens, self.score(tokens, total, length_penalty)) for tokens, total in beams]
        tokens, score = max(scored, key=lambda beam: beam[1])
        return tokens[self.prefix_len :], score
