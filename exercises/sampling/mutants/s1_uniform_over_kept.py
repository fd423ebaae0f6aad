"""Draw uniformly among the kept tokens.

en: You draw uniformly among the tokens that are left. They keep their relative probabilities: draw from
    softmax of the filtered logits.
zh: 你在剩下的 token 中均匀采样。它们之间的相对概率应保持不变：请按过滤后 logits 的 softmax 采样。
caught by: test_sample_filters, test_sample_temperature
"""


def draw(logits, generator):
    return torch.multinomial((logits > -math.inf).float(), 1, generator=generator).squeeze(-1)
