"""Search with one beam whatever was asked for.

en: Whatever num_beams is, you follow one beam only: that is greedy decoding.
zh: 无论 num_beams 是多少，你只跟踪了一个 beam：那是贪心解码。
caught by: test_beam_wider_is_better, test_beam_random_models
"""


def beam_search(log_prob_fn, prefix, num_beams, max_new_tokens, eos_token_id=None, length_penalty=0.0):
    return beam_search_batch(log_prob_fn, [prefix], 1, max_new_tokens, eos_token_id, length_penalty)[0]
