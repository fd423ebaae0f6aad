"""RoPE as multiplication of complex numbers, query, key and value projected by one matrix put together on the
fly, an additive finfo.min mask, a preallocated cache that doubles when full, no module with a forward of
its own but norm and MLP: the pass is one function over a tree of weights."""

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
        self.weight, self.eps = nn.Parameter(torch.ones(hidden_size)), eps

    def forward(self, x):
        h = x.float()
        return (h * (h.pow(2).mean(-1, keepdim=True) + self.eps).rsqrt()).type_as(x) * self.weight


def rope_inv_freq(config):
    rope = config.rope_parameters
    freq = 1.0 / rope["rope_theta"] ** (torch.arange(config.head_dim // 2) * 2 / config.head_dim)
    if rope["rope_type"] == "default":
        return freq
    low, high, factor = rope["low_freq_factor"], rope["high_freq_factor"], rope["factor"]
    turns = freq * rope["original_max_position_embeddings"] / math.tau
    smooth = torch.clamp((turns - low) / (high - low), min=0.0, max=1.0)
    return torch.lerp(freq / factor, freq, smooth)


def apply_rope(x, position_ids, inv_freq):
    angle = (position_ids[:, None, :, None] * inv_freq.double()).float()
    real, imaginary = x.float().chunk(2, dim=-1)
    turned = torch.complex(real, imaginary) * torch.polar(torch.ones_like(angle), angle)
    return torch.cat((turned.real, turned.imag), dim=-1).to(x.dtype)


def attention(q, k, v, mask):
    H, Hkv = q.shape[1], k.shape[1]
    head = torch.arange(H, device=q.device) // (H // Hkv)
    scores = torch.matmul(q, k[:, head].mT).float() / math.sqrt(q.shape[-1])
    if mask is not None:
        lowest = torch.finfo(scores.dtype).min
        scores = torch.where(mask, scores, lowest)
    scores = scores - scores.amax(dim=-1, keepdim=True)
    weights = scores.exp() / scores.exp().sum(dim=-1, keepdim=True)
    return torch.matmul(weights.to(v.dtype), v[:, head])


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        E, F = config.hidden_size, config.intermediate_size
        self.gate_proj, self.up_proj = nn.Linear(E, F, bias=False), nn.Linear(E, F, bias=False)
        self.down_proj = nn.Linear(F, E, bias=False)

    def forward(self, x):
        return self.down_proj(self.up_proj(x) * nn.SiLU()(self.gate_proj(x)))


class KVCache:
    def __init__(self):
        self.store, self.used = {}, {}

    def __len__(self):
        return self.used.get(0, 0)

    def update(self, layer, k, v):
        start = self.used.get(layer, 0)
        end = self.used[layer] = start + k.shape[2]
        pair = torch.stack((k, v))  # [2, B, Hkv, S, D]
        if start == 0:
            self.store[layer] = pair
        elif end > self.store[layer].shape[3]:
            self.store[layer] = torch.cat(
                (self.store[layer][:, :, :, :start], pair, torch.empty_like(pair)), dim=3
            )
        else:
            self.store[layer][:, :, :, start:end] = pair
        return self.store[layer][:, :, :, :end].unbind(0)


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        E, D = config.hidden_size, config.head_dim
        outputs = {
            "q": config.num_attention_heads,
            "k": config.num_key_value_heads,
            "v": config.num_key_value_heads,
        }
        self.self_attn = nn.ModuleDict(
            {f"{n}_proj": nn.Linear(E, h * D, bias=False) for n, h in outputs.items()}
        )
        self.self_attn["o_proj"] = nn.Linear(config.num_attention_heads * D, E, bias=False)
        self.mlp = MLP(config)
        self.input_layernorm = RMSNorm(E, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(E, config.rms_norm_eps)


class Llama(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.model.layers = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.model.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        cache = KVCache() if cache is None else cache
        (B, S), past = input_ids.shape, len(cache)
        if position_ids is None:
            position_ids = (torch.arange(S) + past).repeat(B, 1).to(input_ids.device)
        hidden = torch.ones(S, past + S, dtype=torch.bool, device=input_ids.device).triu(past + 1)[None, None]
        if attention_mask is not None:
            hidden = hidden | (attention_mask == 0).view(B, 1, 1, -1)
        turn = (position_ids, rope_inv_freq(self.config).to(input_ids.device))
        x = self.model.embed_tokens(input_ids)
        for i, block in enumerate(self.model.layers):
            x = x + self.attend(
                block, block.input_layernorm(x), turn, ~hidden, lambda k, v, i=i: cache.update(i, k, v)
            )
            x = x + block.mlp(block.post_attention_layernorm(x))
        return self.lm_head(self.model.norm(x))

    def attend(self, block, x, turn, mask, remember):
        heads, groups = self.config.num_attention_heads, self.config.num_key_value_heads
        weight = torch.cat([block.self_attn[f"{n}_proj"].weight for n in "qkv"])
        qkv = nn.functional.linear(x, weight).unflatten(-1, (-1, self.config.head_dim)).transpose(1, 2)
        q, k, v = qkv.split((heads, groups, groups), dim=1)
        k, v = remember(apply_rope(k, *turn), v)
        out = attention(apply_rope(q, *turn), k, v, mask)
        return block.self_attn["o_proj"](out.transpose(1, 2).flatten(2))


def load(path, dtype=None, device="cpu"):
    config = AutoConfig.from_pretrained(path)
    weights = {}
    for file in sorted(Path(path).iterdir()):
        weights |= load_file(file) if file.suffix == ".safetensors" else {}
    if config.tie_word_embeddings:
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    model = Llama(config)
    model.load_state_dict({name: w.to(device, dtype or w.dtype) for name, w in weights.items()}, assign=True)
    return model


def steps(model, input_ids, max_new_tokens, eos_token_id, size):
    cache, feed = KVCache(), list(input_ids.split(size or input_ids.shape[1], dim=1))
    with torch.no_grad():
        for _ in range(max_new_tokens):
            while feed:
                last = model(feed.pop(0), None, None, cache)[:, -1]
            feed.append(last.argmax(dim=-1)[:, None])
            yield feed[0]
            if eos_token_id is not None and int(feed[0]) == eos_token_id:
                break


def generate(model, input_ids, max_new_tokens, eos_token_id=None, prefill_chunk=None):
    new = list(steps(model, input_ids, max_new_tokens, eos_token_id, prefill_chunk))
    return torch.cat(new, dim=1) if new else input_ids.new_empty(1, 0)


TIMES = ("prefill_seconds", "decode_seconds")


class Engine:
    def __init__(self, model_path):
        self.model, self.tokenizer = load(model_path), AutoTokenizer.from_pretrained(model_path)
        has_own = (Path(model_path) / "generation_config.json").exists()
        settings = GenerationConfig.from_pretrained(model_path) if has_own else self.model.config
        self.eos, self.stats = settings.eos_token_id, dict.fromkeys(TIMES, 0.0)

    def execute(self, prompts, max_new_tokens=128, temperature=0.0):
        texts, self.stats = [], dict.fromkeys(TIMES, 0.0)
        for prompt in prompts:
            ids, key, then = self.tokenizer.encode(prompt), "prefill_seconds", time.perf_counter()
            for token in steps(self.model, torch.tensor(ids)[None], max_new_tokens, self.eos, None):
                ids.append(token.item())
                now = time.perf_counter()
                self.stats[key] += now - then
                key, then = "decode_seconds", now
            texts.append(self.tokenizer.decode(ids, skip_special_tokens=True))
        return texts

    def last_stats(self):
        return dict(self.stats)
