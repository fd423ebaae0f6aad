"""Stop when the first beam has finished.

en: You stop as soon as one beam ends in EOS. Go on until num_beams have finished or max_new_tokens is
    reached: a later one may be better.
zh: 一有 beam 以 EOS 结束你就停止了。应继续到有 num_beams 个 beam 完成，或达到 max_new_tokens:
    后面的可能更好。
caught by: test_beam_eos
"""


class Search:
    def advance(self, log_probs, num_beams, eos_token_id):
        candidates = self.rank(log_probs, 2 * num_beams)
        self.finished += [beam for beam in candidates[:num_beams] if beam[0][-1] == eos_token_id]
        self.live = [beam for beam in candidates if beam[0][-1] != eos_token_id][:num_beams]
        if self.finished:
            self.live = []
