"""Count the tokens of every layer.

en: len of SinkCache grows once per layer. Count each token once.
zh: SinkCache 的 len 每层都增长一次。每个 token 只应计一次。
caught by: test_sink_kept, test_sink_edges
"""


class SinkCache:
    def __len__(self):
        return sum(self.seen.values())
