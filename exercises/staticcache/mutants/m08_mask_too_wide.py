"""See one slot too many.

en: The new token sees one slot too many: the one after its own, which is not written yet.
zh: 新 token 多看到了一个槽位：自己后面那个还没有写入的槽位。
caught by: test_decode_logits, test_poisoned_slots
"""


@torch.no_grad()
def decode_step(model, input_ids, position, cache):
    first = cache.padding[:, None]
    slots = torch.arange(cache.k.shape[3], device=input_ids.device)
    visible = (first <= slots) & (slots <= position + 1)
    return model(input_ids, visible.long(), position - first, Step(cache, position))[:, -1]
