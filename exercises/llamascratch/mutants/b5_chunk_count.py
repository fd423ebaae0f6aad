"""Take prefill_chunk for the number of pieces.

en: prefill_chunk is the length of a piece, not the number of pieces.
zh: prefill_chunk 是每段的长度，而不是段数。
caught by: test_chunked_prefill
"""


def generate(model, input_ids, max_new_tokens, eos_token_id=None, prefill_chunk=None):
    chunks = torch.chunk(input_ids, prefill_chunk or 1, dim=1)
    tokens = greedy_tokens(model, chunks, max_new_tokens, eos_token_id)
    return torch.cat((input_ids[:, :0], *tokens), dim=1)
