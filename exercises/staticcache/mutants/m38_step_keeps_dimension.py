"""Return the logits of a step as [B, 1, V].

en: decode_step returns [B, 1, V]; due is [B, V].
zh: decode_step 返回了 [B, 1, V]；应为 [B, V]。
caught by: test_output_form
"""


@torch.no_grad()
def decode_step(model, input_ids, position, cache):
    first = cache.padding[:, None]
    slots = torch.arange(cache.k.shape[3], device=input_ids.device)
    visible = (first <= slots) & (slots <= position)
    return model(input_ids, visible.long(), position - first, Step(cache, position))
