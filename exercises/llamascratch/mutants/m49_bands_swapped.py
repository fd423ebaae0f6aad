"""Slow the fast rotations and keep the slow ones.

en: You have the llama3 bands the wrong way round: fast rotations stay, slow ones are divided by factor.
zh: 你把 llama3 的两个频段弄反了：高频旋转保持不变，低频旋转才除以 factor。
caught by: test_inv_freq_llama3, test_logits
"""


def llama3_scale(inv_freq, rope):
    turns = rope["original_max_position_embeddings"] * inv_freq / (2 * pi)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    keep = ((turns - low) / (high - low)).clamp(0, 1)
    return (1 - keep) * inv_freq + keep * inv_freq / rope["factor"]
