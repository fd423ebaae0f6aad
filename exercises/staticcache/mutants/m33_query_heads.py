"""Give every query head slots of its own.

en: The cache has a slot for every query head; keys and values have num_key_value_heads heads.
zh: 缓存为每个 query 头都分配了槽位；key 与 value 只有 num_key_value_heads 个头。
caught by: test_buffers_stay, test_prefill_logits
"""


class StaticCache:
    def __init__(self, config, batch_size, max_length, dtype=torch.float32, device="cpu"):
        super().__init__()
        layers, heads, D = config.num_hidden_layers, config.num_attention_heads, config.head_dim
        for name in ("k", "v"):
            empty = torch.zeros(layers, batch_size, heads, max_length, D, dtype=dtype, device=device)
            self.register_buffer(name, empty)
        padding = torch.zeros(batch_size, dtype=torch.int64, device=device)
        self.register_buffer("padding", padding, persistent=False)
