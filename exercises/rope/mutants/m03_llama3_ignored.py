"""Never scale the speeds.

en: Your Rope ignores rope_type: a llama3 config asks for scaled rotation speeds.
zh: 你的 Rope 忽略了 rope_type：llama3 的 config 要求缩放旋转频率。
caught by: test_rope_values, test_logits
"""


class Rope:
    def __init__(self, config):
        exponent = torch.arange(0, config.head_dim, 2).float() / config.head_dim
        self.inv_freq = config.rope_parameters["rope_theta"] ** -exponent
