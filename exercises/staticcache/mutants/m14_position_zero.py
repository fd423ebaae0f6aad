"""Rotate every new token as if it stood at position 0.

en: decode_step rotates every token as if it stood at position 0: position_ids are `position`, [B, 1].
zh: decode_step 对每个 token 都按位置 0 旋转：position_ids 应为 position，形状 [B, 1]。
caught by: test_decode_logits
"""


@torch.no_grad()
def decode_step(model, input_ids, position, cache):
    first = cache.padding[:, None]
    slots = torch.arange(cache.k.shape[3], device=input_ids.device)
    visible = (first <= slots) & (slots <= position)
    return model(input_ids, visible.long(), torch.zeros_like(input_ids), Step(cache, position))[:, -1]
