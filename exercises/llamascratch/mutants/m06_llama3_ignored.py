"""Ignore the llama3 scaling.

en: You ignore rope_type "llama3": the slow rotations must be scaled as Llama 3.1 does.
zh: 你忽略了 rope_type 为 "llama3" 的情况：低频旋转需要按 Llama 3.1 的方式缩放。
caught by: test_inv_freq_llama3, test_logits
"""


def rope_inv_freq(config):
    rope = config.rope_parameters
    exponent = torch.arange(0, config.head_dim, 2).float() / config.head_dim
    inv_freq = rope["rope_theta"] ** -exponent
    return inv_freq
