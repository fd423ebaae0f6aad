"""Count the padding in the positions of decoding.

en: decode_step uses the slot as the position for the rotation; a padded row's tokens stand that many
    positions earlier.
zh: decode_step 把槽位号直接当作旋转的位置；有填充的行，其 token 的位置应减去填充的个数。
caught by: test_left_padding
"""


@torch.no_grad()
def decode_step(model, input_ids, position, cache):
    first = cache.padding[:, None]
    slots = torch.arange(cache.k.shape[3], device=input_ids.device)
    visible = (first <= slots) & (slots <= position)
    return model(input_ids, visible.long(), position.expand_as(first), Step(cache, position))[:, -1]
