"""Measure every length from the end of the first prefix.

en: You subtract the length of the first prefix for all searches. Prefixes differ in length: each search
    counts its own new tokens.
zh: 你对所有搜索都减去了第一个 prefix 的长度。各 prefix 长度不同：每个搜索应计算自己的新 token 数。
caught by: test_beam_batch_equals_single
"""


def beam_search_batch(
    log_prob_fn, prefixes, num_beams, max_new_tokens, eos_token_id=None, length_penalty=0.0
):
    searches = [Search(len(prefixes[0]), [(prefix.copy(), 0.0)]) for prefix in prefixes]
    for _ in range(max_new_tokens):
        sequences = [tokens for search in searches for tokens, _ in search.live]
        if not sequences:
            break
        rows = torch.split(log_prob_fn(sequences), [len(search.live) for search in searches])
        for search, log_probs in zip(searches, rows, strict=True):
            search.advance(log_probs, num_beams, eos_token_id)
    return [search.result(length_penalty) for search in searches]
