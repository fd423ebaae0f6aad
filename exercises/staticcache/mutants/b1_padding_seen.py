"""Let decoding see the padding.

en: prefill hides the padding, but decode_step sees it: the cache has to remember how much there is in
    each row.
zh: prefill 屏蔽了填充，但 decode_step 仍能看到：缓存需要记住每一行有多少填充。
caught by: test_left_padding
"""


@torch.no_grad()
def decode_step(model, input_ids, position, cache):
    first = cache.padding[:, None]
    slots = torch.arange(cache.k.shape[3], device=input_ids.device)
    visible = (slots <= position).expand(len(input_ids), -1)
    return model(input_ids, visible.long(), position - first, Step(cache, position))[:, -1]
