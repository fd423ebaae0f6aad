"""Let only finished beams compete once num_beams have finished, but go on searching to max_new_tokens.

en: Your search goes on to max_new_tokens although num_beams beams have finished: the winner may be right, the
    calls of the model are wasted. It ends as soon as that many have.
zh: 已有 num_beams 个 beam 完成，你的搜索却仍继续到 max_new_tokens：结果可能正确，但浪费了模型调用。
    达到这个数目时就应结束。
caught by: test_beam_stopping
"""


class Search:
    def advance(self, log_probs, num_beams, eos_token_id):
        candidates = self.rank(log_probs, 2 * num_beams)
        if len(self.finished) < num_beams:
            self.finished += [beam for beam in candidates[:num_beams] if beam[0][-1] == eos_token_id]
        self.live = [beam for beam in candidates if beam[0][-1] != eos_token_id][:num_beams]
        self.enough = len(self.finished) >= num_beams

    def result(self, length_penalty):
        beams = self.finished if self.enough else self.finished + self.live
        scored = [(tokens, self.score(tokens, total, length_penalty)) for tokens, total in beams]
        return max(scored, key=lambda beam: beam[1])
