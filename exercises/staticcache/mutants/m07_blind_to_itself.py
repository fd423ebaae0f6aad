"""Mask with < instead of <=.

en: The new token does not see itself: slots 0 to position are visible, `position` included.
zh: 新 token 看不到自己：可见的是槽位 0 到 position，包含 position 本身。
caught by: test_decode_logits, test_poisoned_slots
"""


@torch.no_grad()
def decode_step(model, input_ids, position, cache):
    first = cache.padding[:, None]
    slots = torch.arange(cache.k.shape[3], device=input_ids.device)
    visible = (first <= slots) & (slots < position)
    return model(input_ids, visible.long(), position - first, Step(cache, position))[:, -1]
