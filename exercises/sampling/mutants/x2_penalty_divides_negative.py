"""Divide negative logits, too.

en: Dividing a negative logit makes the token more likely. Divide positive logits, multiply negative ones.
zh: 负的 logit 除以惩罚系数反而会使该 token 更可能。正的 logit 用除法，负的用乘法。
caught by: test_repetition_penalty
"""


def repetition_penalty(logits, token_ids, penalty):
    seen = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, token_ids, True)
    return torch.where(seen, logits / penalty, logits)
