"""Call the model once for each beam, also in the search for many prefixes.

en: You call log_prob_fn once for every beam. Give it all live beams in one call: that is what makes beam
    search affordable.
zh: 你对每个 beam 各调用一次 log_prob_fn。请把所有活跃 beam 放进同一次调用：束搜索正因此才可行。
caught by: test_beam_calls, test_beam_batch_calls
"""


def beam_search_batch(
    log_prob_fn, prefixes, num_beams, max_new_tokens, eos_token_id=None, length_penalty=0.0
):
    searches = [Search(len(prefix), [(prefix.copy(), 0.0)]) for prefix in prefixes]
    for _ in range(max_new_tokens):
        for search in searches:
            if search.live:
                log_probs = torch.cat([log_prob_fn([tokens]) for tokens, _ in search.live])
                search.advance(log_probs, num_beams, eos_token_id)
    return [search.result(length_penalty) for search in searches]
