"""Store everything, and show what would be kept.

en: SinkCache still stores every key it has seen. Memory has to stay constant: at most num_sink_tokens +
    window_length.
zh: SinkCache 仍然存着见过的每一个 key。内存必须恒定：最多 num_sink_tokens + window_length 个。
caught by: test_sink_kept
"""


class SinkCache:
    def _keep(self, store, layer, new):
        everything = append(store, layer, new)
        return self._trim(everything, self.sinks + max(self.window, new.shape[2]))
