"""Return int32 tokens.

en: Token ids are int64 everywhere in this course; you return int32.
zh: 本课程中 token id 一律为 int64；你返回的是 int32。
caught by: test_one_candidate_left, test_output_form
"""


def draw(logits, generator):
    return torch.multinomial(logits.softmax(-1), 1, generator=generator).squeeze(-1).int()
