"""Make the mask once and keep it.

en: The mask is made at the first step and kept, so later tokens see no more than the first one did.
zh: 掩码只在第一步计算并保存下来，之后的 token 看到的范围不会增加。
caught by: test_decode_logits, test_one_graph
"""


@torch.no_grad()
def decode_step(model, input_ids, position, cache):
    first = cache.padding[:, None]
    slots = torch.arange(cache.k.shape[3], device=input_ids.device)
    if not hasattr(cache, "visible"):
        cache.visible = (first <= slots) & (slots <= position)
    return model(input_ids, cache.visible.long(), position - first, Step(cache, position))[:, -1]
