"""Seed the global random state from the generator.

en: You set the global random state from the generator. Whoever else draws random numbers is disturbed: pass
    the generator on instead.
zh: 你用 generator 去设置了全局随机状态，这会干扰其他使用随机数的代码。请改为直接传递 generator。
caught by: test_global_rng_untouched
"""


def draw(logits, generator):
    if generator is not None:
        seed = torch.randint(2**31, (1,), generator=generator, device=generator.device)
        torch.manual_seed(int(seed))
    return torch.multinomial(logits.softmax(-1), 1).squeeze(-1)
