"""Keep the latest tokens only.

en: SinkCache forgets the first tokens. The first num_sink_tokens stay for ever.
zh: SinkCache 忘掉了最初的 token。最初的 num_sink_tokens 个应始终保留。
caught by: test_sink_kept, test_sink_stream
"""


class SinkCache:
    def _trim(self, x, n):
        return x[:, :, max(x.shape[2] - n, 0) :]
