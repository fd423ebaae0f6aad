"""Count distinct values instead of tokens.

en: You take the k-th largest distinct value, so tied logits count once. k counts tokens: only ties with the
    k-th may add more.
zh: 你取的是第 k 大的"不同的值"，相同的 logits 只算了一次。k 数的是 token：只有与第 k 个并列的才可以多出来。
caught by: test_top_k_ties
"""


def top_k_filter(logits, top_k):
    if not 0 < top_k < logits.shape[-1]:
        return logits
    thresholds = [row.unique()[-min(top_k, len(row.unique()))] for row in logits]
    return logits.masked_fill(logits < torch.stack(thresholds)[:, None], -math.inf)
