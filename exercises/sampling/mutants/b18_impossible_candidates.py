"""Keep candidates of probability zero.

en: You keep candidates whose sum is -inf. They are impossible: an impossible EOS must not count as a
    finished beam.
zh: 你保留了总和为 -inf 的候选。它们是不可能的：不可能出现的 EOS 不应算作完成的 beam。
caught by: test_beam_stopping
"""


class Search:
    def rank(self, log_probs, n):
        V = log_probs.shape[-1]
        sums = torch.tensor([total for _, total in self.live], dtype=torch.float64)
        totals = (sums[:, None] + log_probs).flatten()
        best = totals.topk(min(n, len(totals)))
        ranked = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [(self.live[i // V][0] + [i % V], total) for i, total in ranked]
