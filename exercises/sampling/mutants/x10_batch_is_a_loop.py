"""Search for one prefix after the other.

en: You search for one prefix after the other. Send the beams of all prefixes to log_prob_fn in one call per
    step.
zh: 你是一个 prefix 接一个 prefix 地搜索的。每一步应把所有 prefix 的 beam 放进同一次 log_prob_fn 调用。
caught by: test_beam_batch_calls
"""


def beam_search_batch(
    log_prob_fn, prefixes, num_beams, max_new_tokens, eos_token_id=None, length_penalty=0.0
):
    results = []
    for prefix in prefixes:
        search = Search(len(prefix), [(prefix.copy(), 0.0)])
        for _ in range(max_new_tokens):
            if search.live:
                search.advance(log_prob_fn([tokens for tokens, _ in search.live]), num_beams, eos_token_id)
        results.append(search.result(length_penalty))
    return results
