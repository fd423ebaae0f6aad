"""Write -inf into the caller's tensor.

en: Top-p writes into the tensor it was given. The caller may still need those logits: use masked_fill, not
    masked_fill_.
zh: top-p 直接写进了传入的张量。调用者可能还需要这些 logits：请用 masked_fill，而不是 masked_fill_。
caught by: test_inputs_unmodified
"""


def top_p_filter(logits, top_p):
    if top_p >= 1:
        return logits
    probs, order = logits.softmax(-1, dtype=torch.float32).sort(-1, descending=True)
    mask = probs.cumsum(-1) - probs >= top_p
    mask[:, 0] = False
    return logits.masked_fill_(mask.scatter(-1, order, mask), -math.inf)
