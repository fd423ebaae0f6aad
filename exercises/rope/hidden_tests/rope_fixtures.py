"""Models and the oracle: sharp random weights, and a Llama in float64 that knows no cache at all.

Any cache policy comes down to two tables over a whole sequence: which keys a token sees, and how far
they are from it. The oracle takes these tables, so it shares no idea with the code it judges. On plain
causal sequences it is checked against transformers' own Llama when a model is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import pi

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

from grader.checks import assert_close, assert_form, check, put_right
from grader.memo import remembered

logging.disable_progress_bar()

F32 = torch.float32
LOGITS = 2e-5  # limits of exercises.md §3.9, relative Frobenius error in float32
CACHED = 1e-5
AGREEMENT = 1e-5  # of our oracle with the library, which casts to float32 inside

LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 256,  # with D = 32: 3 pairs kept, 2 blended, 11 slowed
}
CONFIGS: dict[str, dict[str, object]] = {
    "gqa": {},
    "mqa": {"num_key_value_heads": 1},
    "llama3": {"head_dim": 32, "rope_parameters": LLAMA3},
    "long": {"head_dim": 16, "max_position_embeddings": 8192},  # speeds that bf16 cannot hold
}


def turn_limit(position: int) -> float:
    """Return the limit for float32 rotations up to this position: their angles are that exact."""
    return 5e-6 + 1e-7 * position


@remembered
def make_config(kind: str) -> LlamaConfig:
    """Return the config of one kind of model; a fresh object each time."""
    base: dict[str, object] = {
        "vocab_size": 131,
        "hidden_size": 64,
        "intermediate_size": 112,
        "num_hidden_layers": 2,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0},
        "tie_word_embeddings": False,
        "bos_token_id": 1,
        "eos_token_id": 0,
    }
    return LlamaConfig(**(base | CONFIGS[kind]))


@dataclass(frozen=True, eq=False)
class Model:
    """A sharp random model."""

    kind: str
    weights: dict[str, Tensor] = field(repr=False)  # float32, or exactly representable in a lower dtype

    @cached_property
    def config(self) -> LlamaConfig:
        """Its config, which nobody changes."""
        return make_config(self.kind)


@lru_cache(maxsize=64)
def make_model(kind: str, seed: int, dtype: torch.dtype = F32) -> Model:
    """Draw sharp weights (§3.8), rounded to `dtype`: attention that attends, so that mistakes show.

    Embeddings N(0, 1), norms U(0.5, 1.5), linear N(0, 1/fan_in), queries and keys doubled.
    """
    config, source = make_config(kind), torch.Generator().manual_seed(seed)
    config._attn_implementation = "eager"
    with torch.random.fork_rng():
        library = LlamaForCausalLM(config).eval()
    for name, parameter in library.named_parameters():
        if parameter.ndim == 1:
            drawn = torch.rand(parameter.shape, generator=source) + 0.5
        else:
            gain = 1.0 if "embed" in name else parameter.shape[1] ** -0.5
            drawn = torch.randn(parameter.shape, generator=source) * gain
            drawn *= 2.0 if "q_proj" in name or "k_proj" in name else 1.0
        parameter.data = drawn.to(dtype).float()
    model = Model(kind, {name: w.clone() for name, w in library.state_dict().items()})
    assert_oracle(model, library, source)
    return model


@torch.no_grad()
def assert_oracle(model: Model, library: LlamaForCausalLM, source: torch.Generator) -> None:
    """Refuse a model on which oracle and library disagree, or whose attention is too flat to judge."""
    for parameter in library.parameters():
        parameter.data = parameter.data.double()
    ids = torch.randint(3, 131, (2, 24), generator=source)
    theirs = library(ids, output_attentions=True, use_cache=False)
    ours = logits64(model, ids, *plain(torch.arange(24).expand(2, 24)))
    if relative(ours, theirs.logits) > AGREEMENT:
        raise RuntimeError("fixture: our oracle and the library disagree")
    p = torch.stack(theirs.attentions)[..., 1:, :]  # [L, B, H, S, T]
    entropy = -(p * (p + 1e-30).log()).sum(-1) / torch.arange(2, 25).log()
    if float(entropy.mean()) > 0.6:
        raise RuntimeError("fixture: the attention of the drawn model is too flat")


# The oracle.


def plain(position_ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return (visible, distance) [B, S, S] of causal attention at these positions [B, S]."""
    S = position_ids.shape[1]
    distance = position_ids[:, :, None] - position_ids[:, None, :]
    return torch.ones(S, S, dtype=torch.bool).tril().expand_as(distance), distance


def streamed(chunks: list[int], sinks: int, window: int) -> tuple[Tensor, Tensor]:
    """Return (visible, distance) [1, n, n] of a stream that keeps sinks and a window, chunk by chunk.

    With the chunk that ends at token `end` a token sees, up to itself, the first `sinks` and the last
    max(window, chunk) of the tokens so far, counted 0, 1, 2, ... in this order.
    """
    n = sum(chunks)
    visible, distance = torch.zeros(n, n, dtype=torch.bool), torch.zeros(n, n, dtype=torch.int64)
    end = 0
    for S in chunks:
        end += S
        kept = [t for t in range(end) if t < sinks or t >= end - max(window, S)]
        place = {token: i for i, token in enumerate(kept)}
        for query in range(end - S, end):
            for key in kept:
                visible[query, key] = place[key] <= place[query]
                distance[query, key] = place[query] - place[key]
    return visible[None], distance[None]


@remembered
@torch.no_grad()
def logits64(model: Model, ids: Tensor, visible: Tensor, distance: Tensor | None) -> Tensor:
    """Return logits [B, S, V] in float64 of a whole sequence without any cache.

    visible bool [B|1, S, S]; distance int64 [B|1, S, S], how far the query has turned beyond the key, or
    None for a model without rotation.
    """
    config, w = model.config, {name: t.double() for name, t in model.weights.items()}
    x = w["model.embed_tokens.weight"][ids]
    for i in range(config.num_hidden_layers):
        block = f"model.layers.{i}"
        h = norm64(x, w[f"{block}.input_layernorm.weight"], config.rms_norm_eps)
        q, k, v = (
            (h @ w[f"{block}.self_attn.{n}_proj.weight"].T)
            .unflatten(-1, (-1, config.head_dim))
            .transpose(1, 2)
            for n in "qkv"
        )
        k, v = (t.repeat_interleave(q.shape[1] // t.shape[1], dim=1) for t in (k, v))
        turned = q[:, :, :, None]  # [B, H, S, 1 or T, D]
        if distance is not None:
            turned = turn64(turned, distance[:, None], speeds64(config))
        scores = (turned * k[:, :, None]).sum(-1) / config.head_dim**0.5  # [B, H, S, T]
        p = scores.masked_fill(~visible[:, None], float("-inf")).softmax(-1)
        x = x + (p @ v).transpose(1, 2).flatten(2) @ w[f"{block}.self_attn.o_proj.weight"].T
        h = norm64(x, w[f"{block}.post_attention_layernorm.weight"], config.rms_norm_eps)
        gate, up = (h @ w[f"{block}.mlp.{n}_proj.weight"].T for n in ("gate", "up"))
        x = x + (gate / (1 + (-gate).exp()) * up) @ w[f"{block}.mlp.down_proj.weight"].T
    return norm64(x, w["model.norm.weight"], config.rms_norm_eps) @ w["lm_head.weight"].T


def norm64(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """RMSNorm of x [..., E]."""
    return x / (x.pow(2).mean(-1, keepdim=True) + eps).sqrt() * weight


def speeds64(config: LlamaConfig) -> Tensor:
    """Return the rotation speeds [D/2] of a model, rounded to float32 as the course defines them."""
    rope, D = config.rope_parameters, config.head_dim
    speeds = [rope["rope_theta"] ** (-2 * i / D) for i in range(D // 2)]
    if rope["rope_type"] == "llama3":
        speeds = [llama3_speed(f, rope) for f in speeds]
    return torch.tensor(speeds, dtype=torch.float64).float().double()


def llama3_speed(f: float, rope: dict[str, float]) -> float:
    """Scale one speed of Llama 3.1, band by band as its authors publish it."""
    old, low, high = (
        rope[f"{k}"] for k in ("original_max_position_embeddings", "low_freq_factor", "high_freq_factor")
    )
    wavelength = 2 * pi / f
    if wavelength < old / high:
        return f
    if wavelength > old / low:
        return f / rope["factor"]
    smooth = (old / wavelength - low) / (high - low)
    return (1 - smooth) * f / rope["factor"] + smooth * f


def turn64(x: Tensor, steps: Tensor, speeds: Tensor) -> Tensor:
    """Turn x [..., D] by `steps` [...] positions: an explicit rotation of every pair (i, i + D/2)."""
    angle = steps.double()[..., None] * speeds
    a, b = x.double().chunk(2, dim=-1)
    return torch.cat((a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()), dim=-1)


def rope64(x: Tensor, position_ids: Tensor, config: LlamaConfig) -> Tensor:
    """Rotate x [B, h, S, D] to positions [B, S]."""
    return turn64(x, position_ids[:, None], speeds64(config))


# The student's side.


def student_model(student, model, device, dtype=None, rope=None):
    """Build the student's Llama with these weights, and this rotation if one is given."""
    theirs = student.Llama(model.config) if rope is None else student.Llama(model.config, rope)
    theirs.load_state_dict(model.weights)
    if dtype is not None:
        theirs.to(dtype)
    theirs.to(device)
    return theirs


def assert_values(actual, due, limit, what):
    """Compare float32 answers in value; their form is Z2's."""
    assert_close(put_right(actual, due.to(F32)), due, limit, what=what, dtype=F32)


def feed(theirs, cache, ids, chunks, device, position_ids=None, attention_mask=None):
    """Feed ids [B, n] to a cache chunk by chunk, positions and mask cut to fit; return all logits."""
    logits, end = [], 0
    for S in chunks:
        start, end = end, end + S
        given = {}
        if position_ids is not None:
            given["position_ids"] = position_ids[:, start:end].to(device)
        if attention_mask is not None:
            given["attention_mask"] = attention_mask[:, :end].to(device)
        out = theirs(ids[:, start:end].to(device), cache=cache, **given)
        out = put_right(out, torch.empty(ids.shape[0], S, 131, dtype=getattr(out, "dtype", None)))
        assert_form(out, (ids.shape[0], S, 131), None, "logits")
        logits.append(out)
    return torch.cat(logits, dim=1)


def both(value, what):
    """Return the keys and values that an `update` returned."""
    check(
        isinstance(value, tuple | list) and len(value) == 2,
        f"{what} must return (keys, values)",
        f"{what} 应返回 (keys, values)",
    )
    return value


def random_ids(rng, *shape: int) -> Tensor:
    """Draw ordinary token ids."""
    return rng.integers(3, 131, shape)


def random_split(rng, n: int) -> list[int]:
    """Cut n tokens into chunks of random length."""
    lengths: list[int] = []
    while sum(lengths) < n:
        lengths.append(rng.integer(1, 1 + min(rng.choice((2, 6, n)), n - sum(lengths))))
    return lengths


def relative(a: Tensor, b: Tensor) -> float:
    """Return |a - b| / |b| in float64."""
    return float((a.double() - b.double()).norm() / b.double().norm())
