"""Ignore prefill_chunk.

en: prefill_chunk has no effect: feed the prompt in pieces of that many tokens.
zh: prefill_chunk 没有起作用：应把提示按这个长度分段输入。
caught by: test_chunked_prefill
"""


def generate(model, input_ids, max_new_tokens, eos_token_id=None, prefill_chunk=None):
    chunks = (input_ids,)
    tokens = greedy_tokens(model, chunks, max_new_tokens, eos_token_id)
    return torch.cat((input_ids[:, :0], *tokens), dim=1)
