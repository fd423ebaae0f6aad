"""Let every token see itself, padding too.

en: You let padding see itself. Key j is visible only where attention_mask has a 1, so a query that stands
    on padding may see nothing.
zh: 你让填充能看到自己。只有 attention_mask 为 1 的 key 才可见，所以填充处的 query 可能什么都看不到。
caught by: test_make_mask
"""


def make_mask(attention_mask, num_new):
    T = attention_mask.shape[1]
    causal = torch.ones(num_new, T, dtype=torch.bool, device=attention_mask.device).tril(T - num_new)
    return causal & attention_mask[:, None, None, :].bool() | causal & ~causal.tril(T - num_new - 1)
