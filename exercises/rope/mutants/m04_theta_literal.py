"""Take theta = 10000, whatever the config says.

en: Your Rope turns at the speeds of theta = 10000; theta is in config.rope_parameters.
zh: 你的 Rope 用的是 theta = 10000 的频率；theta 应取自 config.rope_parameters。
caught by: test_rope_values, test_logits
"""


class Rope:
    def __init__(self, config):
        self.inv_freq = 10000.0 ** -(torch.arange(0, config.head_dim, 2).float() / config.head_dim)
