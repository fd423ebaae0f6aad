"""Round the rotation speeds to half precision.

en: Your rotation speeds have been through half precision; keep them in float32 from the start.
zh: 你的旋转频率经过了半精度舍入；请从一开始就用 float32。
caught by: test_inv_freq_default, test_inv_freq_llama3
"""


def rope_inv_freq(config):
    rope = config.rope_parameters
    exponent = torch.arange(0, config.head_dim, 2).float() / config.head_dim
    inv_freq = rope["rope_theta"] ** -exponent.half().float()
    inv_freq = inv_freq.half().float()
    return llama3_scale(inv_freq, rope) if rope["rope_type"] == "llama3" else inv_freq
