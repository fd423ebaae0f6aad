"""Cut a prompt that does not fit.

en: prefill cuts a prompt that has more tokens than the cache has slots; it must raise an error.
zh: 提示比缓存的槽位多时，prefill 把它截断了；应当报错。
caught by: test_overflow
"""


@torch.no_grad()
def prefill(model, input_ids, cache, attention_mask=None):
    input_ids = input_ids[:, -cache.k.shape[3] :]
    S = input_ids.shape[1]
    cache.padding.copy_(0 if attention_mask is None else S - attention_mask.sum(dim=1))
    slots = torch.arange(S, device=input_ids.device)
    position_ids = (slots - cache.padding[:, None]).clamp(min=0)
    return model(input_ids, attention_mask, position_ids, Prompt(cache))[:, -1]
