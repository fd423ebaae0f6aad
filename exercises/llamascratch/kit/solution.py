"""Llama from zero, complete: given to everyone when the next exercise opens.

One way among many to write it. The thread to follow: `Llama.forward` makes a rotation and a mask once,
hands both down through the layers, and never keeps anything itself; `prefill` and `decode` are the two
phases of generating text; `Engine` puts a tokenizer around them. Shapes: B batch, S new tokens, T keys
(past + S), H query heads, Hkv key/value heads, G = H / Hkv, D head size, E hidden size, F MLP size,
V vocabulary.
"""

from math import tau
from pathlib import Path
from time import perf_counter

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoTokenizer, GenerationConfig, LlamaConfig


class RMSNorm(nn.Module):
    """Scale every feature vector to a root mean square of one, then by its weight (arXiv:1910.07467)."""

    def __init__(self, hidden_size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x [..., E]. In float32: the square of 300 is already beyond the largest float16."""
        wide = x.to(torch.float32)
        mean_square = wide.pow(2).mean(dim=-1, keepdim=True)  # [..., 1]
        return (wide / (mean_square + self.eps).sqrt()).to(x.dtype) * self.weight


def rope_inv_freq(config: LlamaConfig) -> Tensor:
    """Return float32 [D/2]: by how many radians per position each pair of features turns.

    theta^(-2i/D), from 1 down to about 1/theta (RoFormer, arXiv:2104.09864). Llama 3.1 was first trained on
    a short context, then on one `factor` times as long: pairs that turned fewer than `low_freq_factor` times
    within the short one are slowed by `factor`, those above `high_freq_factor` keep their speed, and the
    others lie on a straight line between both.
    """
    D, rope = config.head_dim, config.rope_parameters
    speed = torch.tensor([rope["rope_theta"] ** (-i / D) for i in range(0, D, 2)], dtype=torch.float64)
    if rope["rope_type"] == "llama3":
        turns = speed / tau * rope["original_max_position_embeddings"]
        low, high = rope["low_freq_factor"], rope["high_freq_factor"]
        kept = ((turns - low) / (high - low)).clamp(0, 1)  # 0: slowed, 1: as fast as before
        speed = speed * (kept + (1 - kept) / rope["factor"])
    return speed.float()


def make_rotation(position_ids: Tensor, inv_freq: Tensor) -> Tensor:
    """Return float32 [B, 1, S, 2, 2, D/2]: for every position and pair the matrix (cos, -sin; sin, cos)."""
    angle = position_ids[..., None].float() * inv_freq  # [B, S, D/2]; float16 cannot count beyond 2048
    cos, sin = angle.cos(), angle.sin()
    rows = torch.stack((cos, -sin), dim=-2), torch.stack((sin, cos), dim=-2)
    return torch.stack(rows, dim=-3)[:, None]


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Multiply the pairs (x[i], x[i + D/2]) of x [B, H, S, D] by their rotation matrices."""
    pairs = x.float().unflatten(-1, (2, -1))  # [B, H, S, 2, D/2]: one column per pair
    return (rotation * pairs[..., None, :, :]).sum(dim=-2).flatten(-2).to(x.dtype)


def apply_rope(x: Tensor, position_ids: Tensor, inv_freq: Tensor) -> Tensor:
    """Rotate x [B, H, S, D] by its positions [B, S]; inv_freq [D/2]."""
    return rotate(x, make_rotation(position_ids, inv_freq))


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Mix the values, each weighted by how well its key fits the query: softmax(q k' / sqrt(D)) v.

    q [B, H, S, D]; k, v [B, Hkv, T, D]; mask bool [B|1, 1, S, T], True = may attend. Returns [B, H, S, D];
    a query that may see nothing gets zeros.
    """
    q = q.unflatten(1, (k.shape[1], -1))  # [B, Hkv, G, S, D]: G neighbouring query heads share a kv head,
    k, v = k[:, :, None], v[:, :, None]  # [B, Hkv, 1, T, D]: which is broadcast, not copied
    scores = (q @ k.mT).float() * q.shape[-1] ** -0.5  # [B, Hkv, G, S, T]
    if mask is not None:
        scores = scores.masked_fill(~mask[:, :, None], -torch.inf)
    # The best visible key gets exp(0) = 1, a hidden one exp(-inf) = 0, and nothing overflows. So a row sums
    # to at least 1, unless it sees nothing: then its peak would be -inf and its sum 0, hence both clamps.
    peak = scores.amax(dim=-1, keepdim=True).clamp(min=torch.finfo(torch.float32).min)
    weights = (scores - peak).exp()
    weights = weights / weights.sum(dim=-1, keepdim=True).clamp(min=1)
    return (weights.to(v.dtype) @ v).flatten(1, 2)


class KVCache:
    """Rotated keys and values of all tokens so far: per layer one tensor [2, B, Hkv, T, D]."""

    def __init__(self) -> None:
        self.layers: dict[int, Tensor] = {}

    def __len__(self) -> int:
        """Return the number of tokens seen: T of the first layer, which is fed before all others."""
        return self.layers[0].shape[-2] if 0 in self.layers else 0

    def update(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append k, v [B, Hkv, S, D] to a layer; return all its keys and values [B, Hkv, T, D]."""
        new = torch.stack((k, v))
        past = self.layers.get(layer, new[..., :0, :])  # no token yet
        self.layers[layer] = torch.cat((past, new), dim=-2)
        keys, values = self.layers[layer]
        return keys, values


class Attention(nn.Module):
    """Attention of tokens to each other and to those in the cache, H queries for Hkv keys and values."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.heads = {"q": config.num_attention_heads, "kv": config.num_key_value_heads}
        H, Hkv = (n * config.head_dim for n in self.heads.values())
        self.q_proj = nn.Linear(config.hidden_size, H, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, Hkv, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, Hkv, bias=False)
        self.o_proj = nn.Linear(H, config.hidden_size, bias=False)

    def forward(self, x: Tensor, rotation: Tensor, mask: Tensor, cache: KVCache, layer: int) -> Tensor:
        """Map x [B, S, E] to [B, S, E]."""
        q = self.q_proj(x).unflatten(-1, (self.heads["q"], -1)).transpose(1, 2)  # [B, H, S, D]
        k = self.k_proj(x).unflatten(-1, (self.heads["kv"], -1)).transpose(1, 2)  # [B, Hkv, S, D]
        v = self.v_proj(x).unflatten(-1, (self.heads["kv"], -1)).transpose(1, 2)
        k, v = cache.update(layer, rotate(k, rotation), v)  # [B, Hkv, T, D]
        mixed = attention(rotate(q, rotation), k, v, mask)  # [B, H, S, D]
        y: Tensor = self.o_proj(mixed.transpose(1, 2).flatten(2))  # heads side by side: [B, S, H * D]
        return y


class MLP(nn.Module):
    """SwiGLU (arXiv:2002.05202): F candidate features, each let through as far as its gate is open."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        E, F = config.hidden_size, config.intermediate_size
        self.gate_proj = nn.Linear(E, F, bias=False)
        self.up_proj = nn.Linear(E, F, bias=False)
        self.down_proj = nn.Linear(F, E, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map x [..., E] to [..., E]."""
        gate = self.gate_proj(x)  # [..., F]
        y: Tensor = self.down_proj(gate * gate.sigmoid() * self.up_proj(x))  # silu(g) = g * sigmoid(g)
        return y


class Llama(nn.Module):
    """Token ids in, one row of logits per token out."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        E, V = config.hidden_size, config.vocab_size
        self.config = config
        self.model = nn.ModuleDict(
            {
                "embed_tokens": nn.Embedding(V, E),
                "layers": nn.ModuleList(make_layer(config) for _ in range(config.num_hidden_layers)),
                "norm": RMSNorm(E, config.rms_norm_eps),
            }
        )
        self.lm_head = nn.Linear(E, V, bias=False)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        """Return logits [B, S, V] for token ids [B, S].

        attention_mask [B, past + S], 0 hides a key; position_ids [B, S], by default the places in the
        sequence: past, past + 1, ...
        """
        cache = KVCache() if cache is None else cache  # no `or`: an empty cache is false
        place = torch.arange(len(cache) + input_ids.shape[1], device=input_ids.device)  # [T]
        new = place[len(cache) :]  # [S]
        mask = (place <= new[:, None])[None, None]  # [1, 1, S, T]: a token sees itself and what came before
        if attention_mask is not None:
            mask = mask & attention_mask.bool()[:, None, None]  # [B, 1, S, T]
        # The speeds are made anew in each pass: as part of the model, `.to(bfloat16)` would round them.
        inv_freq = rope_inv_freq(self.config).to(input_ids.device)
        rotation = make_rotation(new[None] if position_ids is None else position_ids, inv_freq)
        x = self.model["embed_tokens"](input_ids)  # [B, S, E]
        for i, layer in enumerate(self.model["layers"]):
            x = x + layer["self_attn"](layer["input_layernorm"](x), rotation, mask, cache, i)
            x = x + layer["mlp"](layer["post_attention_layernorm"](x))
        logits: Tensor = self.lm_head(self.model["norm"](x))
        return logits


def make_layer(config: LlamaConfig) -> nn.ModuleDict:
    """Return the modules of one layer under the names that their weights have in a checkpoint."""
    return nn.ModuleDict(
        {
            "input_layernorm": RMSNorm(config.hidden_size, config.rms_norm_eps),
            "self_attn": Attention(config),
            "post_attention_layernorm": RMSNorm(config.hidden_size, config.rms_norm_eps),
            "mlp": MLP(config),
        }
    )


def load(path: str, dtype: torch.dtype | None = None, device: str = "cpu") -> Llama:
    """Build a Llama from a checkpoint folder; dtype None keeps the checkpoint's own."""
    config = AutoConfig.from_pretrained(path)
    weights: dict[str, Tensor] = {}
    for file in Path(path).iterdir():
        if file.suffix == ".safetensors":  # one, or several shards
            weights |= {name: w.to(device, dtype or w.dtype) for name, w in load_file(file).items()}
    # A tied model has one matrix for both ends; its checkpoint holds it once, under the first name.
    weights.setdefault("lm_head.weight", weights["model.embed_tokens.weight"])
    with torch.device("meta"):  # shapes without memory: no weight is drawn only to be replaced
        model = Llama(config)
    model.load_state_dict(weights, assign=True)
    return model


@torch.inference_mode()
def prefill(model: Llama, input_ids: Tensor, cache: KVCache, chunk: int | None) -> Tensor:
    """Read a prompt [1, S] into the cache, `chunk` tokens at a time; return the first new token [1, 1]."""
    for piece in input_ids.split(chunk or input_ids.shape[1], dim=1):
        logits = model(piece, cache=cache)  # [1, s, V]
    return logits[:, -1:].argmax(dim=-1)


@torch.inference_mode()
def decode(model: Llama, first: Tensor, cache: KVCache, max_new_tokens: int, eos: int | None) -> Tensor:
    """Return a token [1, 1] and those that follow it, up to EOS: [1, n], n <= max_new_tokens."""
    new = first
    while new.shape[1] < max_new_tokens and new[0, -1] != eos:
        logits = model(new[:, -1:], cache=cache)  # only the latest token: the cache has the rest
        new = torch.cat((new, logits[:, -1:].argmax(dim=-1)), dim=1)
    return new


def generate(
    model: Llama,
    input_ids: Tensor,
    max_new_tokens: int,
    eos_token_id: int | None = None,
    prefill_chunk: int | None = None,
) -> Tensor:
    """Continue a prompt [1, S] greedily; return only the new tokens [1, n], EOS included."""
    if max_new_tokens == 0:
        return input_ids[:, :0]
    cache = KVCache()
    first = prefill(model, input_ids, cache, prefill_chunk)
    return decode(model, first, cache, max_new_tokens, eos_token_id)


class Engine:
    """Text in, text out, one prompt at a time."""

    def __init__(self, model_path: str) -> None:
        self.model = load(model_path)
        self.tokenizer = AutoTokenizer.from_pretrained(model_path)
        has_own = Path(model_path, "generation_config.json").exists()
        settings = GenerationConfig.from_pretrained(model_path) if has_own else self.model.config
        self.eos_token_id: int | None = settings.eos_token_id
        self.seconds = {"prefill_seconds": 0.0, "decode_seconds": 0.0}

    def execute(self, prompts: list[str], max_new_tokens: int = 128, temperature: float = 0.0) -> list[str]:
        """Return every prompt with its greedy continuation, without special tokens."""
        if temperature > 0:
            raise ValueError("this engine decodes greedily; temperature must be 0")
        self.seconds = dict.fromkeys(self.seconds, 0.0)
        return [self.complete(prompt, max_new_tokens) if max_new_tokens else prompt for prompt in prompts]

    def complete(self, prompt: str, max_new_tokens: int) -> str:
        """Return one prompt with at least one new token, and add up the time of both phases."""
        ids, cache, start = self.tokenizer(prompt, return_tensors="pt").input_ids, KVCache(), perf_counter()
        first = prefill(self.model, ids, cache, None)
        middle = perf_counter()
        new = decode(self.model, first, cache, max_new_tokens, self.eos_token_id)
        self.seconds["prefill_seconds"] += middle - start
        self.seconds["decode_seconds"] += perf_counter() - middle
        text: str = self.tokenizer.decode(torch.cat((ids, new), dim=1)[0], skip_special_tokens=True)
        return text

    def last_stats(self) -> dict[str, float]:
        """Return the seconds that the last `execute` spent before and after each first new token."""
        return self.seconds
