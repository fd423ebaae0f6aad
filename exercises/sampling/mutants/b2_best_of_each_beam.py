"""Let every beam keep its own best extension.

en: Every beam keeps its own best extension. Rank the extensions of all beams together: two survivors may
    come from one parent.
zh: 你让每个 beam 各自保留自己的最优扩展。应把所有 beam 的扩展放在一起排名：两个幸存者可以来自同一个父节点。
caught by: test_beam_wider_is_better
"""


class Search:
    def rank(self, log_probs, n):
        each = log_probs.topk(min(max(n // (2 * len(self.live)), 1), log_probs.shape[-1]))
        candidates = [
            ([*tokens, token], total + log_prob)
            for (tokens, total), values, ids in zip(
                self.live, each.values.tolist(), each.indices.tolist(), strict=True
            )
            for log_prob, token in zip(values, ids, strict=True)
        ]
        return sorted(candidates, key=lambda beam: -beam[1])[:n]
