"""Llama from zero: everything right, and the bonus."""

import math
import time
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from transformers import AutoConfig, AutoTokenizer, GenerationConfig


class RMSNorm(nn.Module):
    def __init__(self, hidden_size, eps):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(hidden_size))

    def forward(self, x):
        h = x.to(torch.float32)
        rms = torch.sqrt((h * h).mean(dim=-1, keepdim=True) + self.eps)
        return (self.weight.float() * h / rms).to(x.dtype)


def rope_inv_freq(config):
    rope, D = config.rope_parameters, config.head_dim
    freq = torch.exp(-math.log(rope["rope_theta"]) * torch.arange(0, D, 2, dtype=torch.float64) / D)
    if rope["rope_type"] == "llama3":
        old, low, high = (
            rope["original_max_position_embeddings"],
            rope["low_freq_factor"],
            rope["high_freq_factor"],
        )
        wavelength = 2 * math.pi / freq
        smooth = (old / wavelength - low) / (high - low)
        blend = (1 - smooth) * freq / rope["factor"] + smooth * freq
        slow = torch.where(wavelength > old / low, freq / rope["factor"], blend)
        freq = torch.where(wavelength < old / high, freq, slow)
    return freq.float()


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), dim=-1) * sin


def apply_rope(x, position_ids, inv_freq):
    angle = position_ids[..., None].float() * torch.cat((inv_freq, inv_freq))
    return rotate(x.float(), angle.cos()[:, None], angle.sin()[:, None]).to(x.dtype)


def attention(q, k, v, mask):
    B, H, S, D = q.shape
    q = (q * D**-0.5).view(B, k.shape[1], -1, S, D)
    scores = torch.einsum("bgnsd,bgtd->bgnst", q, k).float()
    if mask is not None:
        scores = scores.masked_fill(~mask[:, :, None], -torch.inf)
    weights = torch.softmax(scores, dim=-1).nan_to_num(0.0).to(v.dtype)
    return torch.einsum("bgnst,bgtd->bgnsd", weights, v).reshape(B, H, S, D)


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        for name in ("gate_proj", "up_proj"):
            self.add_module(name, nn.Linear(config.hidden_size, config.intermediate_size, bias=False))
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x):
        gate = self.gate_proj(x)
        return self.down_proj(gate * torch.sigmoid(gate) * self.up_proj(x))


class KVCache:
    def __init__(self):
        self.chunks = {}

    def __len__(self):
        return sum(k.shape[2] for k, _ in self.chunks.get(0, []))

    def update(self, layer, k, v):
        chunks = self.chunks.setdefault(layer, [])
        chunks.append((k, v))
        return tuple(torch.cat(side, dim=2) for side in zip(*chunks, strict=True))


class Attention(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        self.layer, self.D = layer, config.head_dim
        heads, groups = config.num_attention_heads, config.num_key_value_heads
        for name, out in (("q_proj", heads), ("k_proj", groups), ("v_proj", groups)):
            self.add_module(name, nn.Linear(config.hidden_size, out * self.D, bias=False))
        self.o_proj = nn.Linear(heads * self.D, config.hidden_size, bias=False)

    def forward(self, x, cos, sin, mask, cache):
        B, S, _ = x.shape
        q, k, v = (
            p(x).view(B, S, -1, self.D).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if cache is not None:
            k, v = cache.update(self.layer, k, v)
        return self.o_proj(attention(q, k, v, mask).transpose(1, 2).reshape(B, S, -1))


class Block(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        self.self_attn = Attention(config, layer)
        self.mlp = MLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x, *given):
        x = x + self.self_attn(self.input_layernorm(x), *given)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.model = nn.ModuleDict(
            {
                "embed_tokens": nn.Embedding(config.vocab_size, config.hidden_size),
                "layers": nn.ModuleList(Block(config, i) for i in range(config.num_hidden_layers)),
                "norm": RMSNorm(config.hidden_size, config.rms_norm_eps),
            }
        )
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        angle = torch.arange(config.max_position_embeddings).outer(rope_inv_freq(config)).repeat(1, 2)
        self.cos, self.sin = angle.cos(), angle.sin()  # [max, D], plain attributes: .to() leaves them alone

    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        past = len(cache) if cache is not None else 0
        x = self.model["embed_tokens"](input_ids)
        keys = torch.arange(past + input_ids.shape[1], device=x.device)
        if position_ids is None:
            position_ids = keys[None, past:].expand_as(input_ids)
        mask = (keys <= keys[past:, None])[None, None]
        if attention_mask is not None:
            mask = mask & (attention_mask != 0)[:, None, None]
        cos, sin = (table[position_ids.cpu()][:, None].to(x) for table in (self.cos, self.sin))
        for block in self.model["layers"]:
            x = block(x, cos, sin, mask, cache)
        return self.lm_head(self.model["norm"](x))


def load(path, dtype=None, device="cpu"):
    config = AutoConfig.from_pretrained(path)
    weights = {}
    for file in Path(path).iterdir():
        if file.name.endswith(".safetensors"):
            weights.update(load_file(file))
    if config.tie_word_embeddings:
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    model = Llama(config).to(dtype or weights["model.norm.weight"].dtype)
    model.load_state_dict(weights)
    return model.to(device)


@torch.inference_mode()
def generate(model, input_ids, max_new_tokens, eos_token_id=None, prefill_chunk=None):
    cache, new, feed = KVCache(), input_ids[:, :0], input_ids
    while new.shape[1] < max_new_tokens and eos_token_id not in new[0].tolist():
        for start in range(0, feed.shape[1], prefill_chunk or feed.shape[1]):
            logits = model(feed[:, start : start + (prefill_chunk or feed.shape[1])], cache=cache)
        feed = logits[:, -1:].argmax(-1)
        new = torch.cat((new, feed), dim=1)
    return new


class Engine:
    def __init__(self, model_path):
        self.model, self.tokenizer = load(model_path), AutoTokenizer.from_pretrained(model_path)
        try:
            self.eos = GenerationConfig.from_pretrained(model_path).eos_token_id
        except OSError:
            self.eos = self.model.config.eos_token_id
        self.prefill = self.total = 0.0

    def execute(self, prompts, max_new_tokens=128, temperature=0.0):
        self.prefill = self.total = 0.0
        return [
            self.complete(self.tokenizer(prompt, return_tensors="pt").input_ids, max_new_tokens)
            for prompt in prompts
        ]

    def complete(self, ids, max_new_tokens):
        seen = []

        def watched(*args, **kwargs):
            logits = self.model(*args, **kwargs)
            seen.append(time.perf_counter())
            return logits

        start = time.perf_counter()
        new = generate(watched, ids, max_new_tokens, self.eos)
        self.total += time.perf_counter() - start
        self.prefill += seen[0] - start if seen else 0.0
        return self.tokenizer.decode(torch.cat((ids, new), dim=1)[0], skip_special_tokens=True)

    def last_stats(self):
        return {"prefill_seconds": self.prefill, "decode_seconds": self.total - self.prefill}
