"""Keep the padding of an earlier prefill.

en: A prefill without attention_mask keeps the padding of an earlier one; it starts a new sequence,
    without padding.
zh: 不带 attention_mask 的 prefill 沿用了之前的填充；它应开始一个没有填充的新序列。
caught by: test_left_padding
"""


@torch.no_grad()
def prefill(model, input_ids, cache, attention_mask=None):
    S, T = input_ids.shape[1], cache.k.shape[3]
    if S > T:
        raise ValueError("the prompt does not fit")
    if attention_mask is not None:
        cache.padding.copy_(S - attention_mask.sum(dim=1))
    slots = torch.arange(S, device=input_ids.device)
    position_ids = (slots - cache.padding[:, None]).clamp(min=0)
    return model(input_ids, attention_mask, position_ids, Prompt(cache))[:, -1]
