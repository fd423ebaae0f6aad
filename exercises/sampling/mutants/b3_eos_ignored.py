"""Know nothing of EOS.

en: Your search goes on after EOS. A beam whose last token is EOS is finished: set it aside and never extend
    it.
zh: 你的搜索在 EOS 之后仍继续。最后一个 token 是 EOS 的 beam 已经完成：请把它放到一边，不再扩展。
caught by: test_beam_eos, test_beam_random_models
"""


class Search:
    def advance(self, log_probs, num_beams, eos_token_id):
        self.live = self.rank(log_probs, num_beams)
