"""Cut a chunk that is longer than the window.

en: A chunk longer than the window loses its first tokens before they were attended to. All new tokens are
    returned; forget afterwards.
zh: 比窗口长的一段，其开头的 token 还没被关注就被丢掉了。所有新 token 都要返回，之后再遗忘。
caught by: test_sink_kept, test_sink_edges
"""


class SinkCache:
    def query_positions(self, position_ids):
        S = position_ids.shape[1]
        n = min(len(self) + S, self.sinks + self.window)
        return torch.arange(n - S, n, device=position_ids.device).clamp(min=0).expand_as(position_ids)

    def _keep(self, store, layer, new):
        shown = torch.cat((store.get(layer, new[:, :, :0]), new), dim=2)
        store[layer] = self._trim(shown, self.sinks + self.window)
        return store[layer]
