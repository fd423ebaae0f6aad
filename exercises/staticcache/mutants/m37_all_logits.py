"""Return the logits of all tokens of the prompt.

en: prefill returns the logits of all tokens [B, S, V]; due are those of the last one, [B, V].
zh: prefill 返回了所有 token 的 logits [B, S, V]；应只返回最后一个 token 的 [B, V]。
caught by: test_prefill_logits, test_output_form
"""


@torch.no_grad()
def prefill(model, input_ids, cache, attention_mask=None):
    S, T = input_ids.shape[1], cache.k.shape[3]
    if S > T:
        raise ValueError("the prompt does not fit")
    cache.padding.copy_(0 if attention_mask is None else S - attention_mask.sum(dim=1))
    slots = torch.arange(S, device=input_ids.device)
    position_ids = (slots - cache.padding[:, None]).clamp(min=0)
    return model(input_ids, attention_mask, position_ids, Prompt(cache))
