"""Leave position_ids to the model.

en: decode_step does not tell the model the position: its default is the length of the cache, which is
    always the same here. Pass position_ids.
zh: decode_step 没有把位置告诉模型：模型默认用缓存长度，而它在这里始终不变。请传入 position_ids。
caught by: test_decode_logits
"""


@torch.no_grad()
def decode_step(model, input_ids, position, cache):
    first = cache.padding[:, None]
    slots = torch.arange(cache.k.shape[3], device=input_ids.device)
    visible = (first <= slots) & (slots <= position)
    return model(input_ids, attention_mask=visible.long(), cache=Step(cache, position))[:, -1]
