"""Keep absolute positions in SinkCache.

en: SinkCache uses the tokens' positions in the text. What it keeps is counted anew: 0, 1, 2, ... in every
    step.
zh: SinkCache 用的是 token 在全文中的位置。它保留的内容在每一步都要重新计数：0, 1, 2, …。
caught by: test_sink_kept, test_sink_stream
"""


class SinkCache:
    def query_positions(self, position_ids):
        return position_ids

    def update(self, layer, k, v, position_ids, rope):
        self.seen[layer] = self.seen.get(layer, 0) + k.shape[2]
        keys, values = self._keep(self.keys, layer, k), self._keep(self.values, layer, v)
        positions = torch.arange(keys.shape[2], device=k.device)
        gone = self.seen[layer] - keys.shape[2]
        positions = torch.where(positions < self.sinks, positions, positions + gone)
        return rope(keys, positions.expand(k.shape[0], -1)), values
