"""Make float32 buffers, whatever is asked for.

en: The cache is float32 whatever `dtype` says.
zh: 不论 dtype 是什么，缓存总是 float32。
caught by: test_buffers_stay, test_generate_bfloat16
"""


class StaticCache:
    def __init__(self, config, batch_size, max_length, dtype=torch.float32, device="cpu"):
        super().__init__()
        layers, heads, D = config.num_hidden_layers, config.num_key_value_heads, config.head_dim
        for name in ("k", "v"):
            self.register_buffer(name, torch.zeros(layers, batch_size, heads, max_length, D, device=device))
        padding = torch.zeros(batch_size, dtype=torch.int64, device=device)
        self.register_buffer("padding", padding, persistent=False)
