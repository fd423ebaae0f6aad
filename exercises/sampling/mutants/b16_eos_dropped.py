"""Leave EOS out of the finished beam.

en: You leave EOS out of a finished beam. It belongs to the tokens that are returned and counts in the length.
zh: 你在完成的 beam 中去掉了 EOS。EOS 属于返回的 token，也计入长度。
caught by: test_beam_eos, test_beam_length_penalty
"""


class Search:
    def advance(self, log_probs, num_beams, eos_token_id):
        candidates = self.rank(log_probs, 2 * num_beams)
        ended = [beam for beam in candidates[:num_beams] if beam[0][-1] == eos_token_id]
        self.finished += [(tokens[:-1], total) for tokens, total in ended]
        self.live = [beam for beam in candidates if beam[0][-1] != eos_token_id][:num_beams]
        if len(self.finished) >= num_beams:
            self.live = []
