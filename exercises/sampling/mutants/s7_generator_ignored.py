"""Draw from the global random state.

en: You ignore the generator you were given. Pass it on to the function that draws, so that a seed decides
    the tokens.
zh: 你忽略了传入的 generator。请把它传给采样函数，使种子能够决定采到的 token。
caught by: test_generator_decides
"""


def draw(logits, generator):
    return torch.multinomial(logits.softmax(-1), 1).squeeze(-1)
