"""Append to the parent's list.

en: Beams with one parent share one list of tokens: append changes all of them. Make a new list for every
    extension.
zh: 来自同一父节点的 beam 共用一个 token 列表：append 会改动所有这些 beam。请为每个扩展新建列表。
caught by: test_beam_wider_is_better, test_beam_one_is_greedy
"""


class Search:
    def rank(self, log_probs, n):
        V = log_probs.shape[-1]
        sums = torch.tensor([total for _, total in self.live], dtype=torch.float64)
        totals = (sums[:, None] + log_probs).flatten()
        best = totals.topk(min(n, len(totals)))
        candidates = []
        for i, total in zip(best.indices.tolist(), best.values.tolist(), strict=True):
            tokens = self.live[i // V][0]
            tokens.append(i % V)
            candidates.append((tokens, total))
        return candidates
