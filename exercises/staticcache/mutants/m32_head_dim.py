"""Compute the head size instead of reading it.

en: The cache takes hidden_size / heads for the head size; it is config.head_dim, which may be another
    number.
zh: 缓存用 hidden_size / 头数 当作每个头的维度；应使用 config.head_dim，两者可以不同。
caught by: test_buffers_stay, test_prefill_logits
"""


class StaticCache:
    def __init__(self, config, batch_size, max_length, dtype=torch.float32, device="cpu"):
        super().__init__()
        layers, heads = config.num_hidden_layers, config.num_key_value_heads
        D = config.hidden_size // config.num_attention_heads
        for name in ("k", "v"):
            empty = torch.zeros(layers, batch_size, heads, max_length, D, dtype=dtype, device=device)
            self.register_buffer(name, empty)
        padding = torch.zeros(batch_size, dtype=torch.int64, device=device)
        self.register_buffer("padding", padding, persistent=False)
