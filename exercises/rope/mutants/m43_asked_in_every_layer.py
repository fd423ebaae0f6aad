"""Ask for the queries' positions in every layer, after earlier layers were updated.

en: Your model asks query_positions again in every layer, when layer 0 has taken in the new tokens
    already. Ask once in a forward pass, before the first update.
zh: 你的模型在每一层都询问 query_positions，而此时第 0 层已经收下了新 token。请在一次前向中只询问一次，
    并在第一次 update 之前。
caught by: test_foreign_cache, test_forgetful_cache, test_sink_stream
"""


def attend(layer, q, k, v, step):
    q = step.rope(q, step.cache.query_positions(step.position_ids) if layer else step.query_positions)
    k, v = step.cache.update(layer, k, v, step.position_ids, step.rope)
    return attention(q, k, v, visible(q.shape[2], k.shape[2], step.attention_mask, q.device))
