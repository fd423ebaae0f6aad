"""End all searches when the first one ends.

en: All searches end when the first of them does. Each goes on until it has num_beams finished beams of its
    own, or reaches max_new_tokens.
zh: 第一个搜索结束时，所有搜索都结束了。每个搜索应各自继续，
    直到自己有 num_beams 个 beam 完成或达到 max_new_tokens。
caught by: test_beam_batch_equals_single
"""


def beam_search_batch(
    log_prob_fn, prefixes, num_beams, max_new_tokens, eos_token_id=None, length_penalty=0.0
):
    searches = [Search(len(prefix), [(prefix.copy(), 0.0)]) for prefix in prefixes]
    for _ in range(max_new_tokens):
        if not all(search.live for search in searches):
            break
        sequences = [tokens for search in searches for tokens, _ in search.live]
        rows = torch.split(log_prob_fn(sequences), [len(search.live) for search in searches])
        for search, log_probs in zip(searches, rows, strict=True):
            search.advance(log_probs, num_beams, eos_token_id)
    return [search.result(length_penalty) for search in searches]
