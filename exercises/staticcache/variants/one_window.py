"""One stand-in for both phases, which is told where to write and how much to show. Slots are written with
scatter_, and generate is a loop over a compiled function that picks the token, too. There are 128 slots, or
as many as the model has positions."""

import torch
from torch import nn

from exercises.llamascratch.solution import Llama  # noqa: F401


class StaticCache(nn.Module):
    def __init__(self, config, batch_size, max_length, dtype=torch.float32, device="cpu"):
        super().__init__()
        size = (config.num_hidden_layers, batch_size, config.num_key_value_heads, max_length, config.head_dim)
        self.k = nn.Buffer(torch.zeros(size, dtype=dtype, device=device))
        self.v = nn.Buffer(torch.zeros(size, dtype=dtype, device=device))
        self.padding = nn.Buffer(torch.zeros(batch_size, dtype=torch.long, device=device), persistent=False)

    def reset(self):
        for tensor in (self.k, self.v, self.padding):
            tensor.mul_(0)

    def addresses(self):
        return [self.k.data_ptr(), self.v.data_ptr()]


class Window:
    """The layers of a cache, to be written at `slots` int64 [S]; the model is shown the first `shown`."""

    def __init__(self, cache, slots, shown):
        self.cache, self.slots, self.shown = cache, slots, shown

    def __len__(self):
        return self.shown - self.slots.shape[0]

    def update(self, layer, k, v):
        at = self.slots[:, None].expand(k.shape)
        both = self.cache.k[layer], self.cache.v[layer]
        for buffer, new in zip(both, (k, v), strict=True):
            buffer.scatter_(2, at, new)
        return both[0][:, :, : self.shown], both[1][:, :, : self.shown]


def feed(model, ids, slots, shown, cache, mask):
    positions = (slots[None, :] - cache.padding[:, None]).clamp(min=0)
    return model(ids, attention_mask=mask, position_ids=positions, cache=Window(cache, slots, shown))


@torch.no_grad()
def prefill(model, input_ids, cache, attention_mask=None):
    S = input_ids.shape[1]
    if cache.k.size(3) < S:
        raise ValueError("the prompt is longer than the cache")
    cache.padding.zero_()
    if attention_mask is not None:
        cache.padding.add_((attention_mask == 0).sum(1))
    slots = torch.arange(S, device=input_ids.device)
    return feed(model, input_ids, slots, S, cache, attention_mask)[:, -1, :]


@torch.no_grad()
def decode_step(model, input_ids, position, cache):
    T = cache.k.size(3)
    slots = torch.arange(T, device=input_ids.device)
    mask = ((slots >= cache.padding[:, None]) & (slots <= position)).to(torch.int64)
    return feed(model, input_ids, position, T, cache, mask)[:, -1, :]


def pick(model, input_ids, position, cache):
    return decode_step(model, input_ids, position, cache).argmax(-1, keepdim=True)


@torch.inference_mode()
def generate(
    model,
    input_ids,
    max_new_tokens,
    *,
    compile=False,  # noqa: A002
    eos_token_id=None,
    attention_mask=None,
):
    (B, S), T = input_ids.shape, model.config.max_position_embeddings
    if S + max_new_tokens > T + 1:
        raise ValueError("the text is longer than the model allows")
    columns, weight = [], model.get_parameter("model.norm.weight")
    cache = StaticCache(model.config, B, min(T, 128), weight.dtype, weight.device)
    if S + max_new_tokens > 129:
        cache = StaticCache(model.config, B, T, weight.dtype, weight.device)
    next_token = torch.compile(pick, dynamic=False) if compile else pick
    while len(columns) < max_new_tokens:
        if columns:
            where = torch.tensor([S + len(columns) - 1], device=input_ids.device)
            column = next_token(model, columns[-1], where, cache)
            if eos_token_id is not None:
                column[columns[-1] == eos_token_id] = eos_token_id
        else:
            column = prefill(model, input_ids, cache, attention_mask).argmax(-1, keepdim=True)
        columns.append(column)
        if eos_token_id is not None and (column == eos_token_id).all():
            break
    return torch.cat([input_ids[:, :0], *columns], dim=1)


def bucket(length):
    return next(size for size in (8, 32, 128, 512, 2048, 8192) if size >= length)


@torch.no_grad()
def prefill_bucket(model, input_ids, length, cache):
    cache.padding.zero_()
    S = input_ids.shape[1]
    logits = feed(model, input_ids, torch.arange(S, device=input_ids.device), S, cache, None)
    last = (torch.arange(S, device=input_ids.device) == length - 1)[None, :, None]
    return logits.masked_fill(~last, 0.0).sum(dim=1)
