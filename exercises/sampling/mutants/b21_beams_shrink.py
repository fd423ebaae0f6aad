"""Do not refill the place of a finished beam.

en: When a beam finishes you go on with fewer beams. Finished beams leave; the best num_beams candidates
    that do not end in EOS go on.
zh: 有 beam 完成后，你继续搜索的 beam 变少了。完成的 beam 离开；不以 EOS 结尾的最好的 num_beams 个候选应继续。
caught by: test_beam_stopping
"""


class Search:
    def advance(self, log_probs, num_beams, eos_token_id):
        candidates = self.rank(log_probs, num_beams)
        self.finished += [beam for beam in candidates if beam[0][-1] == eos_token_id]
        self.live = [beam for beam in candidates if beam[0][-1] != eos_token_id]
        if len(self.finished) >= num_beams:
            self.live = []
