"""Llama from zero: everything between token ids and text, in plain tensors.

Read it top to bottom, it follows the forward pass. Parameter names are those of Hugging Face
checkpoints. Shapes: B batch, S new tokens, T keys (past + S), H query heads, Hkv key/value heads,
D head size, E hidden size, F MLP size, V vocabulary.
"""

import time
from collections.abc import Iterable, Iterator
from math import pi, sqrt
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoTokenizer, GenerationConfig, LlamaConfig


class RMSNorm(nn.Module):
    """Divide by the root mean square of the features (Zhang & Sennrich 2019, arXiv:1910.07467)."""

    def __init__(self, hidden_size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x [..., E]; same shape and dtype. Squares overflow in half precision, hence float32."""
        h = x.float()
        h = h * torch.rsqrt(h.square().mean(-1, keepdim=True) + self.eps)
        return self.weight * h.to(x.dtype)


def rope_inv_freq(config: LlamaConfig) -> Tensor:
    """Return the rotation speeds theta^(-2i/D), float32 [D/2], in radians per position.

    RoFormer, arXiv:2104.09864, eq. 15; llama3 scaling where the config asks for it.
    """
    rope = config.rope_parameters
    exponent = torch.arange(0, config.head_dim, 2).float() / config.head_dim  # 2i/D
    inv_freq: Tensor = rope["rope_theta"] ** -exponent
    return llama3_scale(inv_freq, rope) if rope["rope_type"] == "llama3" else inv_freq


def llama3_scale(inv_freq: Tensor, rope: dict[str, float]) -> Tensor:
    """Slow the slow rotations down, so that a longer context turns them no further than before.

    `turns` is how often a pair rotates within the original context. Many turns (high frequency)
    stay, few turns are divided by `factor`, and between the two bands we blend (Llama 3.1).
    """
    turns = rope["original_max_position_embeddings"] * inv_freq / (2 * pi)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    keep = ((turns - low) / (high - low)).clamp(0, 1)
    return keep * inv_freq + (1 - keep) * inv_freq / rope["factor"]


def apply_rope(x: Tensor, position_ids: Tensor, inv_freq: Tensor) -> Tensor:
    """Rotate feature i with feature i + D/2 by the angle position * inv_freq[i].

    x [B, H, S, D], position_ids [B, S], inv_freq [D/2]; same shape and dtype as x.
    """
    angle = position_ids[:, None, :, None].float() * inv_freq  # [B, 1, S, D/2], never in half precision
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x.chunk(2, dim=-1)  # [B, H, S, D/2] each
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Let every query take its weighted mean of the values: softmax(q k' / sqrt(D)) v.

    q [B, H, S, D]; k, v [B, Hkv, T, D]; mask bool [B|1, 1, S, T], True = may attend. Returns [B, H, S, D].
    """
    groups = q.shape[1] // k.shape[1]
    k = k.repeat_interleave(groups, dim=1)  # [B, H, T, D]: query head h reads kv head h // groups
    v = v.repeat_interleave(groups, dim=1)
    scores = (q @ k.transpose(-1, -2) / sqrt(q.shape[-1])).float()  # [B, H, S, T]
    if mask is not None:
        # The lowest finite number instead of -inf: a row that sees nothing must not become NaN.
        scores = scores.masked_fill(~mask, torch.finfo(torch.float32).min)
    return scores.softmax(dim=-1).to(q.dtype) @ v


def causal_mask(S: int, T: int, device: torch.device) -> Tensor:
    """Return bool [S, T]: the last query sees all T keys, each earlier one a key less."""
    return torch.ones(S, T, dtype=torch.bool, device=device).tril(T - S)


class KVCache:
    """Rotated keys and values of the tokens seen so far, one pair of tensors per layer."""

    def __init__(self) -> None:
        self.keys: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}

    def __len__(self) -> int:
        """Return the number of tokens seen."""
        return self.keys[0].shape[2] if self.keys else 0

    def update(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append k, v [B, Hkv, S, D] to a layer; return all its keys and values [B, Hkv, T, D]."""
        if layer in self.keys:
            k = torch.cat((self.keys[layer], k), dim=2)
            v = torch.cat((self.values[layer], v), dim=2)
        self.keys[layer], self.values[layer] = k, v
        return k, v


class Attention(nn.Module):
    """Project to heads, rotate queries and keys, remember keys and values, attend, project back."""

    def __init__(self, config: LlamaConfig, layer: int) -> None:
        super().__init__()
        self.layer, self.head_dim = layer, config.head_dim
        E, D = config.hidden_size, config.head_dim
        self.q_proj = nn.Linear(E, config.num_attention_heads * D, bias=False)
        self.k_proj = nn.Linear(E, config.num_key_value_heads * D, bias=False)
        self.v_proj = nn.Linear(E, config.num_key_value_heads * D, bias=False)
        self.o_proj = nn.Linear(config.num_attention_heads * D, E, bias=False)

    def split_heads(self, x: Tensor) -> Tensor:
        """Turn [B, S, heads * D] into [B, heads, S, D]."""
        B, S, _ = x.shape
        return x.view(B, S, -1, self.head_dim).transpose(1, 2)

    def forward(
        self, x: Tensor, position_ids: Tensor, inv_freq: Tensor, mask: Tensor, cache: KVCache | None
    ) -> Tensor:
        """Map x [B, S, E] to [B, S, E]."""
        q = apply_rope(self.split_heads(self.q_proj(x)), position_ids, inv_freq)  # [B, H, S, D]
        k = apply_rope(self.split_heads(self.k_proj(x)), position_ids, inv_freq)  # [B, Hkv, S, D]
        v = self.split_heads(self.v_proj(x))
        if cache is not None:
            k, v = cache.update(self.layer, k, v)  # [B, Hkv, T, D]
        out = attention(q, k, v, mask).transpose(1, 2).flatten(2)  # [B, S, H * D]
        y: Tensor = self.o_proj(out)
        return y


class MLP(nn.Module):
    """SwiGLU: a gate decides how much of each feature passes (Shazeer 2020, arXiv:2002.05202)."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map x [..., E] to [..., E]: down(silu(gate(x)) * up(x))."""
        y: Tensor = self.down_proj(nn.functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return y


class Block(nn.Module):
    """One layer: attention, then MLP, each reading a normalised copy and adding to the residual stream."""

    def __init__(self, config: LlamaConfig, layer: int) -> None:
        super().__init__()
        self.self_attn = Attention(config, layer)
        self.mlp = MLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self, x: Tensor, position_ids: Tensor, inv_freq: Tensor, mask: Tensor, cache: KVCache | None
    ) -> Tensor:
        """Map x [B, S, E] to [B, S, E]."""
        x = x + self.self_attn(self.input_layernorm(x), position_ids, inv_freq, mask, cache)
        y: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return y


class Decoder(nn.Module):
    """Embedding, blocks and final norm: the weights called `model.*` in a checkpoint."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config, i) for i in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, input_ids: Tensor, position_ids: Tensor, mask: Tensor, cache: KVCache | None) -> Tensor:
        """Map token ids [B, S] to normalised features [B, S, E]."""
        # Computed here, not stored: `model.to(torch.bfloat16)` would round a buffer for good.
        inv_freq = rope_inv_freq(self.config).to(input_ids.device)
        x = self.embed_tokens(input_ids)
        for block in self.layers:
            x = block(x, position_ids, inv_freq, mask, cache)
        y: Tensor = self.norm(x)
        return y


class Llama(nn.Module):
    """The language model: token ids in, one row of logits per token out."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Decoder(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        """Return logits [B, S, V] for token ids [B, S], in the model's dtype.

        attention_mask int64 [B, past + S], 0 hides a key; position_ids int64 [B, S], by default past,
        past + 1, ...
        """
        B, S = input_ids.shape
        past = 0 if cache is None else len(cache)
        if position_ids is None:
            position_ids = torch.arange(past, past + S, device=input_ids.device).expand(B, S)
        mask = causal_mask(S, past + S, input_ids.device)[None, None]  # [1, 1, S, T]
        if attention_mask is not None:
            mask = mask & attention_mask[:, None, None, :].bool()  # [B, 1, S, T]
        logits: Tensor = self.lm_head(self.model(input_ids, position_ids, mask, cache))
        return logits


def load(path: str, dtype: torch.dtype | None = None, device: str = "cpu") -> Llama:
    """Build a Llama from a checkpoint folder: config.json and one or more *.safetensors files.

    dtype None keeps the checkpoint's own. Given complete in the starter.
    """
    config = AutoConfig.from_pretrained(path)
    weights: dict[str, Tensor] = {}
    for file in sorted(Path(path).iterdir()):
        if file.suffix == ".safetensors":  # large models are cut into several files (shards)
            weights |= load_file(file)
    if config.tie_word_embeddings:  # one matrix for both ends of the model, stored once
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    model = Llama(config)
    model.load_state_dict({name: w.to(dtype or w.dtype) for name, w in weights.items()}, assign=True)
    return model.to(device).eval()


def load_eos(path: str) -> int | None:
    """Return the id of the token that ends a text. Given complete in the starter."""
    try:
        eos: int | None = GenerationConfig.from_pretrained(path).eos_token_id
    except OSError:  # no generation_config.json
        eos = AutoConfig.from_pretrained(path).eos_token_id
    return eos


@torch.no_grad()
def greedy_tokens(
    model: Llama, chunks: Iterable[Tensor], max_new_tokens: int, eos_token_id: int | None
) -> Iterator[Tensor]:
    """Feed a prompt in chunks [1, s], then yield one new token [1, 1] after the other, EOS being the last."""
    cache = KVCache()
    for _ in range(max_new_tokens):
        for chunk in chunks:
            logits = model(chunk, cache=cache)  # [1, s, V]
        token = logits[:, -1].argmax(-1, keepdim=True)
        yield token
        if token.item() == eos_token_id:
            return
        chunks = (token,)  # the cache knows the rest


def generate(
    model: Llama,
    input_ids: Tensor,
    max_new_tokens: int,
    eos_token_id: int | None = None,
    prefill_chunk: int | None = None,
) -> Tensor:
    """Continue a prompt [1, S] greedily; return only the new tokens [1, n], EOS included."""
    chunks = torch.split(input_ids, prefill_chunk or input_ids.shape[1], dim=1)
    tokens = greedy_tokens(model, chunks, max_new_tokens, eos_token_id)
    return torch.cat((input_ids[:, :0], *tokens), dim=1)  # [1, n], n may be 0


class Engine:
    """Text in, text out, one prompt at a time."""

    def __init__(self, model_path: str) -> None:
        self.model = load(model_path)
        self.tokenizer = AutoTokenizer.from_pretrained(model_path)
        self.eos_token_id = load_eos(model_path)
        self.prefill_seconds = self.decode_seconds = 0.0

    def execute(self, prompts: list[str], max_new_tokens: int = 128, temperature: float = 0.0) -> list[str]:
        """Return every prompt with its continuation, without special tokens."""
        if temperature != 0:
            raise ValueError("only greedy decoding here; drawing tokens is the exercise `sampling`")
        self.prefill_seconds = self.decode_seconds = 0.0
        return [self._complete(prompt, max_new_tokens) for prompt in prompts]

    def _complete(self, prompt: str, max_new_tokens: int) -> str:
        """Return one prompt with its continuation, and add up the time it took."""
        ids = self.tokenizer(prompt)["input_ids"]
        marks = [time.perf_counter()]
        for token in greedy_tokens(self.model, (torch.tensor([ids]),), max_new_tokens, self.eos_token_id):
            ids.append(int(token))
            marks.append(time.perf_counter())
        first = marks[:2][-1]  # when the first token was there
        self.prefill_seconds += first - marks[0]
        self.decode_seconds += marks[-1] - first
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text

    def last_stats(self) -> dict[str, float]:
        """Return the seconds that the last `execute` spent before and after each first new token."""
        return {"prefill_seconds": self.prefill_seconds, "decode_seconds": self.decode_seconds}
