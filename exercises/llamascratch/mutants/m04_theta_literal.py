"""Use theta = 10000 whatever the config says.

en: You use a fixed theta of 10000. Read it from config.rope_parameters["rope_theta"]: Llama 3 uses 500000.
zh: 你把 theta 写死成了 10000。应从 config.rope_parameters["rope_theta"] 读取：Llama 3 用的是 500000。
caught by: test_inv_freq_default, test_inv_freq_llama3, test_logits
"""


def rope_inv_freq(config):
    rope = config.rope_parameters
    exponent = torch.arange(0, config.head_dim, 2).float() / config.head_dim
    inv_freq = 10000.0**-exponent
    return llama3_scale(inv_freq, rope) if rope["rope_type"] == "llama3" else inv_freq
