"""Hide no slot.

en: decode_step sees all slots, the empty ones too: hide those beyond `position`. A zero key still has a
    weight.
zh: decode_step 能看到所有槽位，包括空的：应屏蔽 position 之后的槽位。全零的 key 也会分到权重。
caught by: test_decode_logits, test_poisoned_slots
"""


@torch.no_grad()
def decode_step(model, input_ids, position, cache):
    visible = torch.ones(len(input_ids), cache.k.shape[3], dtype=torch.int64, device=input_ids.device)
    return model(input_ids, visible, position - cache.padding[:, None], Step(cache, position))[:, -1]
