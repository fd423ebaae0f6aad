"""Go on after num_beams beams have finished.

en: Your search goes on to max_new_tokens although num_beams beams have finished. It ends as soon as that
    many have.
zh: 已有 num_beams 个 beam 完成，你的搜索却仍继续到 max_new_tokens。达到这个数目时就应结束。
caught by: test_beam_stopping
"""


class Search:
    def advance(self, log_probs, num_beams, eos_token_id):
        candidates = self.rank(log_probs, 2 * num_beams)
        self.finished += [beam for beam in candidates[:num_beams] if beam[0][-1] == eos_token_id]
        self.live = [beam for beam in candidates if beam[0][-1] != eos_token_id][:num_beams]
