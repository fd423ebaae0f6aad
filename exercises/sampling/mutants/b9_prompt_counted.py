"""Count the prefix in the length.

en: You count the prefix in the length. Only new tokens count, EOS included.
zh: 你把 prefix 也算进了长度。只计算新生成的 token（包括 EOS）。
caught by: test_beam_length_penalty
"""


class Search:
    def score(self, tokens, total, length_penalty):
        return total / max(len(tokens), 1) ** length_penalty
