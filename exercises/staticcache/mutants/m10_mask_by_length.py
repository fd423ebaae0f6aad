"""See every slot that was ever written.

en: The mask shows every slot up to the longest sequence so far. After going back, or with a shorter
    sequence, it shows what is out of date. `position` alone says what is visible.
zh: 掩码显示的是迄今写到过的所有槽位。回退之后或换成较短的序列时，会看到过期的内容。能看到什么只由 position
    决定。
caught by: test_rewind, test_reuse
"""


class StaticCache:
    def __init__(self, config, batch_size, max_length, dtype=torch.float32, device="cpu"):
        super().__init__()
        layers, heads, D = config.num_hidden_layers, config.num_key_value_heads, config.head_dim
        for name in ("k", "v"):
            empty = torch.zeros(layers, batch_size, heads, max_length, D, dtype=dtype, device=device)
            self.register_buffer(name, empty)
        padding = torch.zeros(batch_size, dtype=torch.int64, device=device)
        self.register_buffer("padding", padding, persistent=False)
        self.register_buffer("filled", torch.zeros(1, dtype=torch.int64, device=device), persistent=False)


class Prompt:
    def update(self, layer, k, v):
        S = k.shape[2]
        self.cache.k[layer, :, :, :S] = k
        self.cache.v[layer, :, :, :S] = v
        self.cache.filled.clamp_(min=S)
        return k, v


@torch.no_grad()
def decode_step(model, input_ids, position, cache):
    first = cache.padding[:, None]
    slots = torch.arange(cache.k.shape[3], device=input_ids.device)
    cache.filled.copy_(torch.maximum(cache.filled, position + 1))
    visible = (first <= slots) & (slots < cache.filled)
    return model(input_ids, visible.long(), position - first, Step(cache, position))[:, -1]
