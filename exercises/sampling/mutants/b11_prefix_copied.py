"""Start with num_beams equal beams.

en: You start with num_beams copies of the prefix. Equal beams have equal extensions, so they stay copies
    and the search is greedy. Start with one.
zh: 你以 num_beams 份相同的 prefix 开始。相同的 beam 有相同的扩展，于是它们始终是副本，搜索退化为贪心。
    请从一份开始。
caught by: test_beam_calls, test_beam_wider_is_better
"""


def beam_search_batch(
    log_prob_fn, prefixes, num_beams, max_new_tokens, eos_token_id=None, length_penalty=0.0
):
    searches = [Search(len(prefix), [(prefix.copy(), 0.0)] * num_beams) for prefix in prefixes]
    for _ in range(max_new_tokens):
        sequences = [tokens for search in searches for tokens, _ in search.live]
        if not sequences:
            break
        rows = torch.split(log_prob_fn(sequences), [len(search.live) for search in searches])
        for search, log_probs in zip(searches, rows, strict=True):
            search.advance(log_probs, num_beams, eos_token_id)
    return [search.result(length_penalty) for search in searches]
