"""Keep a finished beam among the live ones.

en: A beam that has ended in EOS stays live and is extended. Take it out of the live beams when it finishes.
zh: 已经以 EOS 结束的 beam 仍留在活跃 beam 中并被继续扩展。完成时请把它从活跃 beam 中移出。
caught by: test_beam_eos
"""


class Search:
    def advance(self, log_probs, num_beams, eos_token_id):
        candidates = self.rank(log_probs, 2 * num_beams)
        self.finished += [beam for beam in candidates[:num_beams] if beam[0][-1] == eos_token_id]
        self.live = candidates[:num_beams]
        if len(self.finished) >= num_beams:
            self.live = []
