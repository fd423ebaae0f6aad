"""Let every extension by EOS finish, however unlikely it is.

en: You finish every candidate that ends in EOS. It counts only if it ranks among the best num_beams
    candidates of its step; otherwise it is dropped.
zh: 你让所有以 EOS 结尾的候选都算完成。只有当它排在这一步最好的 num_beams 个候选之内时才算；否则应丢弃。
caught by: test_beam_stopping, test_beam_eos
"""


class Search:
    def advance(self, log_probs, num_beams, eos_token_id):
        candidates = self.rank(log_probs, log_probs.numel())
        self.finished += [beam for beam in candidates if beam[0][-1] == eos_token_id]
        self.live = [beam for beam in candidates if beam[0][-1] != eos_token_id][:num_beams]
        if len(self.finished) >= num_beams:
            self.live = []
