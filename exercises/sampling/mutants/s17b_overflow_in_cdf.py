"""Add up exponentials of the logits without subtracting the maximum.

en: You exponentiate the logits as they are, which overflows for large ones. Use softmax, which subtracts
    the maximum first.
zh: 你直接对 logits 取指数，数值较大时会溢出。请使用 softmax，它会先减去最大值。
caught by: test_sample_extreme_logits
"""


def draw(logits, generator):
    mass = logits.exp().cumsum(-1)
    chance = torch.rand(len(logits), 1, generator=generator, device=logits.device)
    return (mass <= chance * mass[:, -1:]).sum(-1)
