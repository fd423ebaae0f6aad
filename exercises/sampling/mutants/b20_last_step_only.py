"""Rank by the last step's log-probability.

en: You rank candidates by the log-probability of their last token alone. Add it to the beam's sum so far.
zh: 你只按最后一个 token 的对数概率给候选排名。请把它加到该 beam 已有的总和上。
caught by: test_beam_one_is_greedy, test_beam_random_models
"""


class Search:
    def rank(self, log_probs, n):
        V = log_probs.shape[-1]
        best = log_probs.flatten().topk(min(n, log_probs.numel()))
        ranked = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [(self.live[i // V][0] + [i % V], total) for i, total in ranked if total > -math.inf]
