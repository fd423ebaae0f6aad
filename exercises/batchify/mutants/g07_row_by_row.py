"""Loop over the rows.

en: You generate row by row. The point of a batch is that all rows go through the model together: one
    forward pass per step.
zh: 你是逐行生成的。批处理的意义在于所有行一起通过模型：每一步只做一次前向。
caught by: test_one_pass_per_step, test_unequal_lengths, test_own_model, test_batch_sizes
"""


@torch.no_grad()
def generate_batch(model, token_lists, max_new_tokens, eos_token_id=None, pad_token_id=0):
    return [one_row(model, row, max_new_tokens, eos_token_id) for row in token_lists]


def one_row(model, tokens, max_new_tokens, eos_token_id):
    if not tokens:
        raise ValueError("empty prompt")
    feed, cache, new = torch.tensor([tokens]), KVCache(), []
    while len(new) < max_new_tokens and new[-1:] != [eos_token_id]:
        feed = model(feed, cache=cache)[:, -1].argmax(-1, keepdim=True)
        new.append(int(feed))
    return new
