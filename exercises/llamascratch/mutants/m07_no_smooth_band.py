"""Cut between the two llama3 bands instead of blending.

en: Between the fast and the slow band llama3 scaling blends smoothly; you switch from one to the other at
    once.
zh: 在高频段与低频段之间，llama3 缩放是平滑过渡的；而你直接从一段跳到了另一段。
caught by: test_inv_freq_llama3
"""


def llama3_scale(inv_freq, rope):
    turns = rope["original_max_position_embeddings"] * inv_freq / (2 * pi)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    keep = ((turns - low) / (high - low)).clamp(0, 1).round()
    return keep * inv_freq + (1 - keep) * inv_freq / rope["factor"]
