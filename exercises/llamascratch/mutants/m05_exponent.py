"""Use the exponent i/D instead of 2i/D.

en: Your rotation speeds fall only half as fast as they should: the exponent is 2i/D for i = 0 ... D/2 - 1,
    not i/D.
zh: 你的旋转频率衰减得只有应有的一半快：指数应为 2i/D（i = 0 … D/2 - 1），而不是 i/D。
caught by: test_inv_freq_default, test_logits
"""


def rope_inv_freq(config):
    rope = config.rope_parameters
    exponent = torch.arange(config.head_dim // 2).float() / config.head_dim
    inv_freq = rope["rope_theta"] ** -exponent
    return llama3_scale(inv_freq, rope) if rope["rope_type"] == "llama3" else inv_freq
