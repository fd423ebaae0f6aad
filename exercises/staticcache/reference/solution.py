"""A KV cache that never moves, and one compiled decode step.

A growing cache has another shape at every step, and what is compiled for one shape does not fit the next.
Here all shapes are fixed: the buffers have a slot for every position there will ever be, and *where* we are
is the content of a tensor. The Llama stays as it is: for each call it gets an object that behaves like its
KVCache and keeps everything in our buffers.

Shapes: L layers, B batch, S new tokens, T slots, Hkv key/value heads, D head size, V vocabulary.
"""

import torch
from torch import Tensor, nn
from transformers import LlamaConfig

from exercises.llamascratch.solution import KVCache, Llama
from exercises.llamascratch.solution import generate as generate_growing  # noqa: F401  # the speed's baseline


class StaticCache(nn.Module):
    """Two buffers with a slot for every position. What stands in a slot that is not used yet does not matter.

    A module, because its buffers are then known to torch: they can be saved, loaded in place, and a compiled
    graph takes their addresses for granted.
    """

    k: Tensor  # [L, B, Hkv, T, D], rotated
    v: Tensor  # [L, B, Hkv, T, D]
    padding: Tensor  # int64 [B]: the first slots of a row that hold padding

    def __init__(
        self,
        config: LlamaConfig,
        batch_size: int,
        max_length: int,
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
    ) -> None:
        super().__init__()
        layers, heads, D = config.num_hidden_layers, config.num_key_value_heads, config.head_dim
        for name in ("k", "v"):
            empty = torch.zeros(layers, batch_size, heads, max_length, D, dtype=dtype, device=device)
            self.register_buffer(name, empty)
        padding = torch.zeros(batch_size, dtype=torch.int64, device=device)
        self.register_buffer("padding", padding, persistent=False)

    def reset(self) -> None:
        """Fill all slots with zeros, in place."""
        for buffer in self.buffers():
            buffer.zero_()

    def addresses(self) -> list[int]:
        """Return where the two buffers lie in memory. Given complete in the starter."""
        return [self.k.data_ptr(), self.v.data_ptr()]


class Prompt(KVCache):
    """The static cache as the model sees it in a prefill: empty, so the prompt sees the prompt only."""

    def __init__(self, cache: StaticCache) -> None:
        self.cache = cache

    def __len__(self) -> int:
        """Return the number of keys before this call's."""
        return 0

    def update(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Keep k, v [B, Hkv, S, D] in slots 0 to S - 1 and return them."""
        S = k.shape[2]
        self.cache.k[layer, :, :, :S] = k
        self.cache.v[layer, :, :, :S] = v
        return k, v


class Step(KVCache):
    """The static cache as the model sees it in a decode step: all T slots, whatever is in them."""

    def __init__(self, cache: StaticCache, position: Tensor) -> None:
        self.cache, self.position = cache, position

    def __len__(self) -> int:
        """Return T - 1: with the token of this call there are T keys, at every step the same number."""
        return self.cache.k.shape[3] - 1

    def update(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Write k, v [B, Hkv, 1, D] into their slot; return the layer's buffers [B, Hkv, T, D]."""
        keys, values = self.cache.k[layer], self.cache.v[layer]  # views, not copies
        keys.index_copy_(2, self.position, k)  # the slot is data: the graph is the same for all of them
        values.index_copy_(2, self.position, v)
        return keys, values


@torch.no_grad()
def prefill(
    model: Llama, input_ids: Tensor, cache: StaticCache, attention_mask: Tensor | None = None
) -> Tensor:
    """Put a prompt [B, S] into slots 0 to S - 1; return the logits [B, V] of its last token.

    attention_mask int64 [B, S] is 0 at padding, on the left. Raises ValueError for too long a prompt.
    """
    S, T = input_ids.shape[1], cache.k.shape[3]
    if S > T:
        raise ValueError(f"a prompt of {S} tokens does not fit into {T} slots")
    cache.padding.copy_(0 if attention_mask is None else S - attention_mask.sum(dim=1))
    slots = torch.arange(S, device=input_ids.device)
    position_ids = (slots - cache.padding[:, None]).clamp(min=0)  # [B, S]
    return model(input_ids, attention_mask, position_ids, Prompt(cache))[:, -1]


@torch.no_grad()
def decode_step(model: Llama, input_ids: Tensor, position: Tensor, cache: StaticCache) -> Tensor:
    """Feed one token per row, [B, 1], at `position` int64 [1]; return its logits [B, V].

    Nothing here depends on the value of `position`: one graph serves every step.
    """
    first = cache.padding[:, None]  # [B, 1]: the slot of each row's first token
    slots = torch.arange(cache.k.shape[3], device=input_ids.device)
    visible = (first <= slots) & (slots <= position)  # [B, T]; future slots may hold anything
    return model(input_ids, visible.long(), position - first, Step(cache, position))[:, -1]


def capacity(length: int, limit: int) -> int:
    """Round a length up to a multiple of 64: prompts of similar lengths share one graph."""
    return min(limit, -(-length // 64) * 64)


@torch.no_grad()
def generate(
    model: Llama,
    input_ids: Tensor,
    max_new_tokens: int,
    *,
    compile: bool = False,  # noqa: A002
    eos_token_id: int | None = None,
    attention_mask: Tensor | None = None,
) -> Tensor:
    """Continue prompts [B, S] greedily; return the new tokens [B, n]. A finished row repeats EOS.

    Raises ValueError, before anything is computed, where the model has no positions for that many tokens.
    """
    B, S = input_ids.shape
    longest, limit = S + max_new_tokens - 1, model.config.max_position_embeddings  # the last token is not fed
    if longest > limit:
        raise ValueError(f"{longest} positions are needed, the model has {limit}")
    if max_new_tokens == 0:
        return input_ids[:, :0]
    weight = next(model.parameters())
    cache = StaticCache(model.config, B, capacity(longest, limit), weight.dtype, weight.device)
    # Called anew, torch.compile finds its graph again. On a GPU it records all kernels as one launch.
    mode = "reduce-overhead" if weight.is_cuda else None
    step = torch.compile(decode_step, fullgraph=True, dynamic=False, mode=mode) if compile else decode_step
    eos = -1 if eos_token_id is None else eos_token_id  # no token has the id -1
    token = prefill(model, input_ids, cache, attention_mask).argmax(-1)  # [B]
    new, done = [token], token == eos
    for p in range(S, longest):
        if done.all():
            break
        position = torch.tensor([p], device=token.device)
        token = step(model, token[:, None], position, cache).argmax(-1).masked_fill(done, eos)
        new.append(token)
        done = done | (token == eos)
    return torch.stack(new, dim=1)  # [B, n]


def bucket(length: int) -> int:
    """Return the padded length of a prompt: 16, 64, 256 ..., the first that is long enough."""
    size = 16
    while size < length:
        size *= 4
    return size


@torch.no_grad()
def prefill_bucket(model: Llama, input_ids: Tensor, length: Tensor, cache: StaticCache) -> Tensor:
    """Prefill a prompt padded on the right to [B, S]; return the logits [B, V] of token length - 1.

    length int64 [1]. The padding comes later, so no token of the prompt sees it; it fills slots beyond the
    prompt, which are hidden until decoding has written them anew.
    """
    cache.padding.zero_()
    logits = model(input_ids, cache=Prompt(cache))  # [B, S, V]
    return logits.index_select(1, length - 1)[:, 0]
