"""Grow the buffers token by token.

en: Your cache grows by concatenation: each step has another shape, and torch.compile starts again each
    time. Allocate all slots at once.
zh: 你的缓存靠拼接增长：每一步形状都不同，torch.compile 每次都要重新编译。请一次性分配好所有槽位。
caught by: test_buffers_stay, test_slots_written, test_one_graph
"""


class StaticCache:
    def __init__(self, config, batch_size, max_length, dtype=torch.float32, device="cpu"):
        super().__init__()
        layers, heads, D = config.num_hidden_layers, config.num_key_value_heads, config.head_dim
        self.max_length = max_length
        for name in ("k", "v"):
            empty = torch.zeros(layers, batch_size, heads, 0, D, dtype=dtype, device=device)
            self.register_buffer(name, empty)


class Prompt:
    def update(self, layer, k, v):
        if layer == 0:
            shape = (*self.cache.k.shape[:3], k.shape[2], k.shape[3])
            self.cache.k, self.cache.v = self.cache.k.new_zeros(shape), self.cache.v.new_zeros(shape)
        self.cache.k[layer] = k
        self.cache.v[layer] = v
        return k, v


class Step:
    def __len__(self):
        return self.cache.k.shape[3] - 1

    def update(self, layer, k, v):
        self.cache.k[layer, :, :, -1:] = k
        self.cache.v[layer, :, :, -1:] = v
        return self.cache.k[layer], self.cache.v[layer]


@torch.no_grad()
def prefill(model, input_ids, cache, attention_mask=None):
    if input_ids.shape[1] > cache.max_length:
        raise ValueError("the prompt does not fit")
    return model(input_ids, cache=Prompt(cache))[:, -1]


@torch.no_grad()
def decode_step(model, input_ids, position, cache):
    if cache.k.shape[3] >= cache.max_length:
        raise ValueError("the cache is full")
    cache.k = torch.cat((cache.k, torch.zeros_like(cache.k[:, :, :, :1])), dim=3)
    cache.v = torch.cat((cache.v, torch.zeros_like(cache.v[:, :, :, :1])), dim=3)
    return model(input_ids, None, position.expand(len(input_ids), 1), Step(cache, position))[:, -1]
