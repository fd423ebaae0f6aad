"""Always make a Rope of its own.

en: Your model ignores the rope that it is given and makes its own from the config.
zh: 你的模型忽略了传入的 rope，自己用 config 另造了一个。
caught by: test_foreign_rope
"""


class Llama:
    def __init__(self, config, rope=None):
        super().__init__()
        self.config = config
        self.rope = Rope(config)
        self.model = Decoder(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
