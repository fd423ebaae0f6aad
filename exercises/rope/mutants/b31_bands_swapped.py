"""Slow the fast pairs and keep the slow ones.

en: You slow down the fast rotations and keep the slow ones; it is the slow ones that are divided by
    factor.
zh: 你放慢了高频旋转、保留了低频旋转；应当除以 factor 的是低频。
caught by: test_llama3_many
"""


def llama3_scale(inv_freq, rope_parameters):
    low, high = rope_parameters["low_freq_factor"], rope_parameters["high_freq_factor"]
    turns = rope_parameters["original_max_position_embeddings"] * inv_freq / (2 * pi)
    slow = ((turns - low) / (high - low)).clamp(0, 1)
    return (1 - slow) * inv_freq + slow * inv_freq / rope_parameters["factor"]
