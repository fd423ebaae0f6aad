"""Count the tokens in a Python number and ignore `position`.

en: Your cache counts its tokens in a Python number and appends. Then nobody can go back, and to
    torch.compile each count is another program: `position` says where to write.
zh: 你的缓存用 Python 整数计数并依次追加。这样既不能回退，每个计数值对 torch.compile
    来说又都是不同的程序：写在哪里应由 position 决定。
caught by: test_rewind, test_one_graph
"""


class StaticCache:
    def __init__(self, config, batch_size, max_length, dtype=torch.float32, device="cpu"):
        super().__init__()
        layers, heads, D = config.num_hidden_layers, config.num_key_value_heads, config.head_dim
        self.used = 0
        for name in ("k", "v"):
            empty = torch.zeros(layers, batch_size, heads, max_length, D, dtype=dtype, device=device)
            self.register_buffer(name, empty)
        padding = torch.zeros(batch_size, dtype=torch.int64, device=device)
        self.register_buffer("padding", padding, persistent=False)


class Prompt:
    def update(self, layer, k, v):
        S = k.shape[2]
        self.cache.k[layer, :, :, :S] = k
        self.cache.v[layer, :, :, :S] = v
        self.cache.used = S
        return k, v


class Step:
    def update(self, layer, k, v):
        keys, values, used = self.cache.k[layer], self.cache.v[layer], self.cache.used
        keys[:, :, used : used + 1] = k
        values[:, :, used : used + 1] = v
        return keys, values


@torch.no_grad()
def decode_step(model, input_ids, position, cache):
    first = cache.padding[:, None]
    if cache.used >= cache.k.shape[3]:
        raise ValueError("the cache is full")
    slots = torch.arange(cache.k.shape[3], device=input_ids.device)
    visible = (first <= slots) & (slots <= cache.used)
    logits = model(input_ids, visible.long(), cache.used - first, Step(cache, position))[:, -1]
    cache.used += 1
    return logits
