"""Return the prompt together with the new tokens.

en: generate returns the prompt, too; it must return the new tokens only.
zh: generate 把提示也一起返回了；它应只返回新生成的 token。
caught by: test_generate, test_generate_feeds_once
"""


def generate(model, input_ids, max_new_tokens, eos_token_id=None, prefill_chunk=None):
    chunks = torch.split(input_ids, prefill_chunk or input_ids.shape[1], dim=1)
    tokens = greedy_tokens(model, chunks, max_new_tokens, eos_token_id)
    return torch.cat((input_ids, *tokens), dim=1)
