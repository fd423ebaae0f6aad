"""Draw for row 0 and copy the token to all rows.

en: You draw for the first row only and copy its token to the others. Every row has its own logits and its
    own draw.
zh: 你只为第一行采样，再把它的 token 复制给其他行。每一行有自己的 logits，需要各自采样。
caught by: test_one_candidate_left, test_rows_are_independent
"""


def draw(logits, generator):
    token = torch.multinomial(logits[:1].softmax(-1), 1, generator=generator).squeeze(-1)
    return token.expand(logits.shape[0])
