"""Take zeros for empty slots.

en: The mask takes a slot for empty if it holds zeros. A cache that was used before holds no zeros:
    `position` alone says what is visible.
zh: 掩码把全零的槽位当作空槽位。用过的缓存里并不是零：能看到什么只由 position 决定。
caught by: test_poisoned_slots, test_rewind, test_reuse
"""


@torch.no_grad()
def decode_step(model, input_ids, position, cache):
    first = cache.padding[:, None]
    slots = torch.arange(cache.k.shape[3], device=input_ids.device)
    used = (cache.k[0, :, 0] != 0).any(dim=-1)
    visible = (first <= slots) & (used | (slots == position))
    return model(input_ids, visible.long(), position - first, Step(cache, position))[:, -1]
