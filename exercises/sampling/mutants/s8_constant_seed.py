"""Seed a generator of one's own in every call.

en: You make a generator with a fixed seed in every call, so every call gives the same tokens. Use the one
    you were given, and never seed.
zh: 你每次调用都新建一个固定种子的 generator，于是每次得到相同的 token。请使用传入的那个，并且不要设种子。
caught by: test_generator_decides, test_generator_advances
"""


def draw(logits, generator):
    generator = torch.Generator(device=logits.device).manual_seed(0)
    return torch.multinomial(logits.softmax(-1), 1, generator=generator).squeeze(-1)
