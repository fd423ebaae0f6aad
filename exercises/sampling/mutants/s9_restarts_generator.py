"""Rewind the generator to its seed in every call.

en: You rewind the generator to its seed, so a second call repeats the first. Draw from it as it is: each
    call moves it on.
zh: 你把 generator 重置回了它的种子，于是第二次调用重复第一次的结果。请直接用它的当前状态采样：
    每次调用都会使它前进。
caught by: test_generator_advances
"""


def draw(logits, generator):
    if generator is not None:
        generator.manual_seed(generator.initial_seed())
    return torch.multinomial(logits.softmax(-1), 1, generator=generator).squeeze(-1)
