"""Scale speeds one by one, with branches on numbers.

en: Your scaling branches on single numbers; with tensors as parameters that cannot work. Use where or
    clamp.
zh: 你的缩放对单个数做分支判断；参数为张量时行不通。请使用 where 或 clamp。
caught by: test_llama3_many
"""


def llama3_scale(inv_freq, rope_parameters):
    low, high = rope_parameters["low_freq_factor"], rope_parameters["high_freq_factor"]
    scaled = []
    for f in inv_freq.tolist():
        turns = rope_parameters["original_max_position_embeddings"] * f / (2 * pi)
        keep = min(max((turns - low) / (high - low), 0), 1)
        scaled.append(keep * f + (1 - keep) * f / rope_parameters["factor"])
    return torch.tensor(scaled)
