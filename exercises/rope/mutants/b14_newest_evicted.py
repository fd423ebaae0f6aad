"""Forget the newest tokens instead of the oldest.

en: SinkCache keeps the oldest tokens after the sinks and forgets the newest; it should be the other way
    round.
zh: SinkCache 保留了 sink 之后最旧的 token，却忘掉了最新的；应当反过来。
caught by: test_sink_kept, test_sink_stream
"""


class SinkCache:
    def _trim(self, x, n):
        return x[:, :, :n]
