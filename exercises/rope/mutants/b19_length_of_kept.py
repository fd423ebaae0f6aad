"""Return the number of kept tokens as the length.

en: len of SinkCache is the number of tokens kept; it should be the number of tokens seen, so that
    positions go on.
zh: SinkCache 的 len 是保留的 token 数；它应是见过的 token 数，默认位置才能继续往下数。
caught by: test_sink_kept, test_sink_stream
"""


class SinkCache:
    def __len__(self):
        return self.keys[0].shape[2] if self.keys else 0
