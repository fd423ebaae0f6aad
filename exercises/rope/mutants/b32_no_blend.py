"""Leave out the band between fast and slow.

en: Your scaling jumps from kept to divided speeds. Between low_freq_factor and high_freq_factor turns the
    two are blended.
zh: 你的缩放从“保持”直接跳到“除以 factor”。在 low_freq_factor 与 high_freq_factor 圈之间应平滑过渡。
caught by: test_llama3_many
"""


def llama3_scale(inv_freq, rope_parameters):
    turns = rope_parameters["original_max_position_embeddings"] * inv_freq / (2 * pi)
    slow = inv_freq / rope_parameters["factor"]
    return torch.where(turns < rope_parameters["low_freq_factor"], slow, inv_freq)
