"""Go on asking about a search that has ended.

en: A search that has ended is still sent to log_prob_fn. Send only beams whose continuation you need.
zh: 已经结束的搜索仍被送入 log_prob_fn。请只发送需要继续扩展的 beam。
caught by: test_beam_batch_calls
"""


def beam_search_batch(
    log_prob_fn, prefixes, num_beams, max_new_tokens, eos_token_id=None, length_penalty=0.0
):
    searches = [Search(len(prefix), [(prefix.copy(), 0.0)]) for prefix in prefixes]
    for _ in range(max_new_tokens):
        sequences = [tokens for search in searches for tokens, _ in search.live]
        if not sequences:
            break
        padding = [prefix for search, prefix in zip(searches, prefixes, strict=True) if not search.live]
        log_probs = log_prob_fn(sequences + padding * num_beams)[: len(sequences)]
        rows = torch.split(log_probs, [len(search.live) for search in searches])
        for search, log_probs in zip(searches, rows, strict=True):
            search.advance(log_probs, num_beams, eos_token_id)
    return [search.result(length_penalty) for search in searches]
