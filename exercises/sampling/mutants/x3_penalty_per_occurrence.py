"""Penalise once per occurrence.

en: You penalise a token once for every time it was seen. Once is enough, however often it occurs.
zh: token 每出现一次你就惩罚一次。无论出现多少次，只惩罚一次。
caught by: test_repetition_penalty
"""


def repetition_penalty(logits, token_ids, penalty):
    ones = torch.ones_like(token_ids, dtype=logits.dtype)
    factor = penalty ** torch.zeros_like(logits).scatter_add(-1, token_ids, ones)
    return torch.where(logits > 0, logits / factor, logits * factor)
