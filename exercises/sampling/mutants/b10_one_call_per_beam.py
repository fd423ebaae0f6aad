"""Call the model once for each beam.

en: You call log_prob_fn once for every beam. Give it all live beams in one call: that is what makes beam
    search affordable.
zh: 你对每个 beam 各调用一次 log_prob_fn。请把所有活跃 beam 放进同一次调用：束搜索正因此才可行。
caught by: test_beam_calls
"""


def beam_search(log_prob_fn, prefix, num_beams, max_new_tokens, eos_token_id=None, length_penalty=0.0):
    def one_by_one(sequences):
        return torch.cat([log_prob_fn([tokens]) for tokens in sequences])

    return beam_search_batch(one_by_one, [prefix], num_beams, max_new_tokens, eos_token_id, length_penalty)[0]
