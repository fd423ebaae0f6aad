"""Return [B, 1].

en: You return a column [B, 1], as torch.multinomial does. The tokens have shape [B]: squeeze the last
    dimension.
zh: 你像 torch.multinomial 那样返回了一列 [B, 1]。token 的形状应为 [B]：请去掉最后一维。
caught by: test_one_candidate_left, test_output_form
"""


def draw(logits, generator):
    return torch.multinomial(logits.softmax(-1), 1, generator=generator)
