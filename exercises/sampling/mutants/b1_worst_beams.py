"""Keep the worst candidates.

en: Your search keeps the worst candidates. Log-probabilities are negative: the best sum is the largest, the
    one nearest to 0.
zh: 你的搜索保留的是最差的候选。对数概率是负数：最好的和是最大的，即最接近 0 的。
caught by: test_beam_wider_is_better, test_beam_one_is_greedy, test_beam_random_models
"""


class Search:
    def rank(self, log_probs, n):
        V = log_probs.shape[-1]
        sums = torch.tensor([total for _, total in self.live], dtype=torch.float64)
        totals = (sums[:, None] + log_probs).flatten()
        worst = totals.topk(min(n, len(totals)), largest=False)
        ranked = zip(worst.indices.tolist(), worst.values.tolist(), strict=True)
        return [(self.live[i // V][0] + [i % V], total) for i, total in ranked if total > -math.inf]
