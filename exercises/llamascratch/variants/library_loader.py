"""On top of transformers' base class, so that from_pretrained loads and ties the weights. Rotation speeds are
computed in forward: from_pretrained builds modules on the meta device, where a table made in __init__
comes back as garbage. Keys and values are expanded by view, masks are added, the cache is a list."""

import time

import torch
from torch import nn
from transformers import AutoTokenizer, GenerationConfig, LlamaPreTrainedModel


def linear(inputs, outputs):
    return nn.Linear(inputs, outputs, bias=False)


class RMSNorm(nn.Module):
    def __init__(self, hidden_size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.eps = eps

    def forward(self, x):
        h = x.float()
        norm = torch.linalg.vector_norm(h, dim=-1, keepdim=True)
        h = h / torch.sqrt(norm**2 / x.shape[-1] + self.eps)
        return self.weight * h.to(x.dtype)


def rope_inv_freq(config):
    rope, D = config.rope_parameters, config.head_dim
    speeds = []
    for i in range(D // 2):
        speed = rope["rope_theta"] ** (-2 * i / D)
        if rope["rope_type"] == "llama3":
            turns = rope["original_max_position_embeddings"] * speed / (2 * torch.pi)
            share = (turns - rope["low_freq_factor"]) / (rope["high_freq_factor"] - rope["low_freq_factor"])
            share = min(max(share, 0.0), 1.0)
            speed = share * speed + (1 - share) * speed / rope["factor"]
        speeds.append(speed)
    return torch.tensor(speeds, dtype=torch.float32)


def apply_rope(x, position_ids, inv_freq):
    angle = torch.einsum("bs,d->bsd", position_ids.float(), inv_freq.float()).unsqueeze(1)
    cos, sin = torch.cos(angle).to(x.dtype), torch.sin(angle).to(x.dtype)
    half = x.shape[-1] // 2
    out = torch.empty_like(x)
    out[..., :half] = x[..., :half] * cos - x[..., half:] * sin
    out[..., half:] = x[..., half:] * cos + x[..., :half] * sin
    return out


def attention(q, k, v, mask):
    n = q.shape[1] // k.shape[1]
    k, v = (x.unsqueeze(2).expand(-1, -1, n, -1, -1).flatten(1, 2) for x in (k, v))
    scores = (q @ k.transpose(2, 3)).float() * q.size(-1) ** -0.5
    if mask is not None:
        scores = scores + torch.zeros_like(scores).masked_fill(~mask, torch.finfo(torch.float32).min)
        scores = scores.clamp(min=torch.finfo(torch.float32).min)
    return torch.softmax(scores, dim=-1).to(q.dtype) @ v


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate_proj = linear(config.hidden_size, config.intermediate_size)
        self.up_proj = linear(config.hidden_size, config.intermediate_size)
        self.down_proj = linear(config.intermediate_size, config.hidden_size)

    def forward(self, x):
        return self.down_proj(nn.functional.silu(self.gate_proj(x)) * self.up_proj(x))


class KVCache:
    def __init__(self):
        self.layers = []

    def __len__(self):
        return self.layers[0][0].size(2) if len(self.layers) else 0

    def update(self, layer, k, v):
        if layer == len(self.layers):
            self.layers.append((k, v))
        else:
            old_k, old_v = self.layers[layer]
            self.layers[layer] = torch.cat([old_k, k], 2), torch.cat([old_v, v], 2)
        return self.layers[layer]


class Attention(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        self.layer, self.D = layer, config.head_dim
        self.q_proj = linear(config.hidden_size, config.num_attention_heads * self.D)
        self.k_proj = linear(config.hidden_size, config.num_key_value_heads * self.D)
        self.v_proj = linear(config.hidden_size, config.num_key_value_heads * self.D)
        self.o_proj = linear(config.num_attention_heads * self.D, config.hidden_size)

    def forward(self, x, rope, mask, cache):
        B, S, _ = x.shape
        q, k, v = (
            f(x).reshape(B, S, -1, self.D).permute(0, 2, 1, 3)
            for f in (self.q_proj, self.k_proj, self.v_proj)
        )
        k, v = cache.update(self.layer, apply_rope(k, *rope), v)
        y = attention(apply_rope(q, *rope), k, v, mask)
        return self.o_proj(y.permute(0, 2, 1, 3).reshape(B, S, -1))


class Block(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        self.self_attn, self.mlp = Attention(config, layer), MLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x, rope, mask, cache):
        x = x + self.self_attn(self.input_layernorm(x), rope, mask, cache)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([Block(config, i) for i in range(config.num_hidden_layers)])
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)


class Llama(LlamaPreTrainedModel):
    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}  # noqa: RUF012

    def __init__(self, config):
        super().__init__(config)
        self.model = Decoder(config)
        self.lm_head = linear(config.hidden_size, config.vocab_size)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        if cache is None:
            cache = KVCache()
        past, S = len(cache), input_ids.size(1)
        steps = torch.arange(past + S, device=input_ids.device)
        if position_ids is None:
            position_ids = steps[past:].expand(input_ids.size(0), -1)
        mask = steps[None, None, None, :] <= steps[None, None, past:, None]
        if attention_mask is not None:
            mask = mask & attention_mask[:, None, None, :].bool()
        x = self.model.embed_tokens(input_ids)
        rope = position_ids, rope_inv_freq(self.config).to(x.device)
        for layer in self.model.layers:
            x = layer(x, rope, mask, cache)
        return self.lm_head(self.model.norm(x))


def load(path, dtype=None, device="cpu"):
    return Llama.from_pretrained(path, dtype=dtype or "auto").to(device)


def generate(model, input_ids, max_new_tokens, eos_token_id=None, prefill_chunk=None):
    return generate_watched(model, input_ids, max_new_tokens, eos_token_id, prefill_chunk, lambda: None)


@torch.no_grad()
def generate_watched(model, input_ids, max_new_tokens, eos_token_id, prefill_chunk, on_token):
    cache, tokens = KVCache(), []
    pieces = input_ids.split(prefill_chunk or input_ids.shape[1], dim=1)
    for _ in range(max_new_tokens):
        for piece in pieces:
            logits = model(piece, cache=cache)
        tokens.append(logits[0, -1].argmax().item())
        on_token()
        if tokens[-1] == eos_token_id:
            break
        pieces = [input_ids.new_tensor([tokens[-1:]])]
    return input_ids.new_tensor([tokens])


class Engine:
    def __init__(self, model_path):
        self.tokenizer = AutoTokenizer.from_pretrained(model_path)
        self.model = load(model_path)
        try:
            self.eos_token_id = GenerationConfig.from_pretrained(model_path).eos_token_id
        except OSError:
            self.eos_token_id = self.model.config.eos_token_id
        self.stats = {"prefill_seconds": 0.0, "decode_seconds": 0.0}

    def execute(self, prompts, max_new_tokens=128, temperature=0.0):
        if temperature > 0:
            raise NotImplementedError("greedy only")
        self.stats = {"prefill_seconds": 0.0, "decode_seconds": 0.0}
        return [self.complete(prompt, max_new_tokens) for prompt in prompts]

    def complete(self, prompt, max_new_tokens):
        ids, times = self.tokenizer(prompt).input_ids, [time.monotonic()]
        start, on_token = torch.tensor([ids]), lambda: times.append(time.monotonic())
        new = generate_watched(self.model, start, max_new_tokens, self.eos_token_id, None, on_token)
        if len(times) > 1:
            self.stats["prefill_seconds"] += times[1] - times[0]
            self.stats["decode_seconds"] += times[-1] - times[1]
        return self.tokenizer.decode(ids + new[0].tolist(), skip_special_tokens=True)

    def last_stats(self):
        return self.stats
