"""Add probabilities instead of log-probabilities.

en: You add up probabilities. The probability of a sequence is a product; sum the log-probabilities as
    log_prob_fn returns them.
zh: 你累加的是概率。序列的概率是连乘；请直接累加 log_prob_fn 返回的对数概率。
caught by: test_beam_one_is_greedy, test_beam_exhaustive
"""


class Search:
    def rank(self, log_probs, n):
        V = log_probs.shape[-1]
        sums = torch.tensor([total for _, total in self.live], dtype=torch.float64)
        totals = (sums[:, None] + log_probs.exp()).flatten()
        best = totals.topk(min(n, len(totals)))
        ranked = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [(self.live[i // V][0] + [i % V], total) for i, total in ranked]
