"""Use one random number for all rows.

en: All rows share one random number, so equal rows always get equal tokens. Every row needs a draw of its
    own.
zh: 所有行共用一个随机数，因此相同的行总是得到相同的 token。每一行需要独立采样。
caught by: test_rows_are_independent, test_sample_temperature, test_sample_filters
"""


def draw(logits, generator):
    chance = torch.rand(1, 1, generator=generator, device=logits.device)
    mass = logits.softmax(-1).cumsum(-1)
    return (mass / mass[:, -1:] <= chance).sum(-1)
