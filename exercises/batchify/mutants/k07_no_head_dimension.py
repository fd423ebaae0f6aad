"""Return [B, S, T] without the dimension for the heads.

en: The mask has four dimensions, [B, 1, num_new, T]: the 1 stands for the heads.
zh: 掩码是四维的 [B, 1, num_new, T]：其中的 1 对应注意力头。
caught by: test_make_mask
"""


def make_mask(attention_mask, num_new):
    T = attention_mask.shape[1]
    causal = torch.ones(num_new, T, dtype=torch.bool, device=attention_mask.device).tril(T - num_new)
    return causal & attention_mask[:, None, :].bool()
