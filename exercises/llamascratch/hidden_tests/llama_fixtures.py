"""Checkpoints and oracles: sharp random weights, closed forms in float64, and transformers' own Llama.

Nothing here touches a student's code. Two oracles judge every full-model test, our reference and
the library, both with float64 parameters; where they disagree it is our fault (RuntimeError).
Everything that does not depend on the submission is remembered per seed.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import pi
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from torch import Tensor
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging

from grader.checks import put_right
from grader.memo import remembered

logging.disable_progress_bar()

LOGITS = 2e-5  # limits of exercises.md §3.9, relative Frobenius error in float32
CACHED = 1e-5
UNIT = 1e-5
AGREEMENT = 1e-5  # between the two oracles
GAP = 1e-3  # greedy fixtures: best minus second logit, in units of the logits' standard deviation

LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 256,  # with D = 32: 3 pairs kept, 2 blended, 11 slowed
}
CONFIGS: dict[str, dict[str, object]] = {
    "mha": {"num_key_value_heads": 8},
    "gqa": {},
    "mqa": {"num_key_value_heads": 1},
    "tied": {"tie_word_embeddings": True},
    "wide": {"head_dim": 32},
    "llama3": {"head_dim": 32, "rope_parameters": LLAMA3},
    "long": {"max_position_embeddings": 8192},
    "tiny": {
        "vocab_size": 1,
        "hidden_size": 2,
        "intermediate_size": 3,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "bos_token_id": None,
        "eos_token_id": None,
    },
    "short": {"max_position_embeddings": 48},
}


@remembered
def make_config(kind: str) -> LlamaConfig:
    """Return the config of one kind of model; a fresh object each time."""
    base: dict[str, object] = {
        "vocab_size": 259,
        "hidden_size": 64,
        "intermediate_size": 176,
        "num_hidden_layers": 2,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
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
    """A sharp random model: its weights under their checkpoint names, and the library's own Llama."""

    kind: str
    weights: dict[str, Tensor] = field(repr=False)  # float32, or exactly representable in a lower dtype
    library: LlamaForCausalLM = field(repr=False)  # eager attention, float64 parameters

    @cached_property
    def config(self) -> LlamaConfig:
        """Its config, which nobody changes."""
        return make_config(self.kind)


@lru_cache(maxsize=64)
def make_model(kind: str, seed: int, dtype: torch.dtype = torch.float32) -> Model:
    """Draw sharp weights, rounded to `dtype` (§3.8): attention that attends, so that mistakes show."""
    config = make_config(kind)
    config._attn_implementation = "eager"
    with torch.random.fork_rng():
        library = LlamaForCausalLM(config).eval()
    sharpen(library, seed)
    for parameter in library.parameters():  # never the buffers: rounding inv_freq would be for good
        parameter.data = parameter.data.to(dtype).float()
    weights = {name: w.clone() for name, w in library.state_dict().items()}
    for parameter in library.parameters():
        parameter.data = parameter.data.double()
    if kind != "tiny":
        assert_sharp(library, seed)
    return Model(kind, weights, library)


def sharpen(library: LlamaForCausalLM, seed: int) -> None:
    """Embeddings N(0, 1), norms U(0.5, 1.5), linear N(0, 1/fan_in), queries and keys doubled."""
    source = torch.Generator().manual_seed(seed)
    for name, parameter in library.named_parameters():
        if parameter.ndim == 1:
            parameter.data = torch.rand(parameter.shape, generator=source) + 0.5
            continue
        gain = 1.0 if "embed" in name else parameter.shape[1] ** -0.5
        gain *= 2.0 if "q_proj" in name or "k_proj" in name else 1.0
        parameter.data = torch.randn(parameter.shape, generator=source) * gain


@torch.no_grad()
def assert_sharp(library: LlamaForCausalLM, seed: int) -> None:
    """Refuse weights whose attention is nearly uniform: RoPE and mask mistakes would not show."""
    source = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, library.config.vocab_size, (2, 33), generator=source)
    p = torch.stack(library(ids, output_attentions=True).attentions)[..., 1:, :]  # [L, B, H, S, T]
    entropy = -(p * (p + 1e-30).log()).sum(-1) / torch.arange(2, 34).log()
    if float(entropy.mean()) > 0.6:
        raise RuntimeError("fixture: the attention of the drawn model is too flat")


@lru_cache(maxsize=64)
def our_model(reference: object, model: Model) -> torch.nn.Module:
    """Return the reference solution with these weights, float64 parameters."""
    with torch.random.fork_rng():
        ours = reference.Llama(model.config)
    ours.load_state_dict(model.weights)
    for parameter in ours.parameters():
        parameter.data = parameter.data.double()
    return ours


@remembered
@torch.no_grad()
def oracle_logits(
    reference: object,
    model: Model,
    input_ids: Tensor,
    position_ids: Tensor | None = None,
) -> dict[str, Tensor]:
    """Return the logits [B, S, V] in float64 of both oracles. Raises RuntimeError where they disagree."""
    # Without a mask the library takes a jump in position_ids for the start of another packed sequence.
    mask = torch.ones_like(input_ids)
    library = model.library(input_ids, attention_mask=mask, position_ids=position_ids, use_cache=False).logits
    ours = our_model(reference, model)(input_ids, position_ids=position_ids)
    if relative(ours, library) > AGREEMENT:
        raise RuntimeError("fixture: our reference and the library disagree")
    return {"logits": ours, "logits (transformers' Llama)": library}


def student_model(student: object, model: Model, device: str, dtype: torch.dtype | None = None) -> object:
    """Build the student's Llama with these weights."""
    theirs = student.Llama(model.config)
    theirs.load_state_dict(model.weights)
    if dtype is not None:
        theirs.to(dtype)
    theirs.to(device)
    return theirs


def random_ids(rng: object, model: Model, *shape: int) -> Tensor:
    """Draw ordinary token ids (no special ones where there are any)."""
    low = 3 if model.config.vocab_size > 3 else 0
    return rng.integers(low, model.config.vocab_size, shape)


def put_logits_right(logits: object, input_ids: Tensor, V: int = 259) -> object:
    """Return logits as float32 [B, S, V], where a reshape or a cast is all that they lack."""
    return put_right(logits, torch.empty(*input_ids.shape, V, device="meta"))


def relative(a: Tensor, b: Tensor) -> float:
    """Return |a - b| / |b| in float64."""
    return float((a.double() - b.double()).norm() / b.double().norm())


# Closed forms in float64, independent of any solution.


def norm64(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """RMSNorm of x [..., E]."""
    h = x.double()
    return h / (h.pow(2).mean(-1, keepdim=True) + eps).sqrt() * weight.double()


def inv_freq64(head_dim: int, theta: float) -> Tensor:
    """Plain rotation speeds [D/2]."""
    return torch.tensor([theta ** (-2 * i / head_dim) for i in range(head_dim // 2)], dtype=torch.float64)


def llama3_inv_freq64(head_dim: int, rope: dict[str, float]) -> Tensor:
    """Rotation speeds [D/2] of Llama 3.1, band by band as its authors publish them."""
    old, low, high = (
        rope[k] for k in ("original_max_position_embeddings", "low_freq_factor", "high_freq_factor")
    )

    def scaled(f: float) -> float:
        wavelength = 2 * pi / f
        if wavelength < old / high:
            return f
        if wavelength > old / low:
            return f / rope["factor"]
        smooth = (old / wavelength - low) / (high - low)
        return (1 - smooth) * f / rope["factor"] + smooth * f

    plain = inv_freq64(head_dim, rope["rope_theta"]).tolist()
    return torch.tensor([scaled(f) for f in plain], dtype=torch.float64)


def rope64(x: Tensor, position_ids: Tensor, inv_freq: Tensor) -> Tensor:
    """Rotate x [B, H, S, D] by an explicit 2 x 2 rotation of every pair (i, i + D/2)."""
    angle = position_ids.double()[:, None, :, None] * inv_freq.double()
    half = x.shape[-1] // 2
    a, b = x.double()[..., :half], x.double()[..., half:]
    return torch.cat((a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()), dim=-1)


def attention64(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Attend head by head; rows that see nothing come out as zeros."""
    heads = []
    for h in range(q.shape[1]):
        g = h * k.shape[1] // q.shape[1]
        scores = q[:, h].double() @ k[:, g].double().mT / q.shape[-1] ** 0.5  # [B, S, T]
        if mask is not None:
            scores = scores.masked_fill(~mask[:, 0], float("-inf"))
        heads.append(scores.softmax(-1).nan_to_num(0.0) @ v[:, g].double())
    return torch.stack(heads, dim=1)


# Greedy text: every step has a clear winner, so that correct float32 code must agree.


@torch.no_grad()
def greedy64(model: Model, prompt: Tensor, steps: int, eos: int | None = None) -> Tensor | None:
    """Return the library's greedy tokens [1, n <= steps], or None if some step is too close to call."""
    ids = prompt
    for _ in range(steps):
        logits = model.library(ids, use_cache=False).logits[0, -1]
        best = logits.topk(2).values
        if float(best[0] - best[1]) < GAP * float(logits.std()):
            return None
        ids = torch.cat((ids, logits.argmax().view(1, 1)), dim=1)
        if int(ids[0, -1]) == eos:
            break
    return ids[:, prompt.shape[1] :]


@lru_cache(maxsize=64)
def greedy_case(model: Model, seed: int, length: int, steps: int) -> tuple[Tensor, Tensor]:
    """Return a prompt [1, length] and its continuation [1, steps]: varied, clear, without special tokens."""
    source = torch.Generator().manual_seed(seed)
    for _ in range(100):
        prompt = torch.randint(3, model.config.vocab_size, (1, length), generator=source)
        tokens = greedy64(model, prompt, steps)
        if tokens is not None and tokens.unique().numel() >= 8 and int(tokens.min()) > 2:
            return prompt, tokens
    raise RuntimeError("fixture: no prompt with a clear greedy continuation")


MOST_TOKENS = 4096  # in one call: each costs us a row of logits


class Chain:
    """A stand-in for a model: the next token depends on the last one only. Counts what it is fed."""

    def __init__(self, successors: Tensor) -> None:
        self.table = torch.nn.functional.one_hot(successors).float()  # [V, V]
        self.fed: list[int] = []  # tokens in each call

    def __call__(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: object = None,
    ) -> Tensor:
        """Return logits [1, S, V]."""
        self.fed.append(input_ids.shape[1])
        return self.table[input_ids]

    def validate(self, *args: object, **kwargs: object) -> None:
        """Raise ValueError unless the call is one that Llama would understand."""
        given = (
            dict(zip(("input_ids", "attention_mask", "position_ids", "cache"), args, strict=False)) | kwargs
        )
        ids = given.get("input_ids")
        if set(given) - {"input_ids", "attention_mask", "position_ids", "cache"}:
            raise ValueError(
                "the model was called with an argument that Llama does not have",
                "调用模型时用了 Llama 没有的参数",
            )
        if not isinstance(ids, Tensor) or ids.dtype != torch.int64 or ids.dim() != 2 or ids.numel() == 0:
            raise ValueError(
                "the model takes input_ids: an int64 tensor [1, S] with S >= 1",
                "模型的 input_ids 应为 int64 张量 [1, S]，其中 S >= 1",
            )
        if ids.numel() > MOST_TOKENS:
            raise ValueError(
                f"the model was given more than {MOST_TOKENS} tokens",
                f"传给模型的 token 超过 {MOST_TOKENS} 个",
            )
        if ids.shape[0] != 1 or int(ids.min()) < 0 or int(ids.max()) >= len(self.table):
            raise ValueError(
                "the model was given more than one row, or ids outside the vocabulary",
                "传给模型的多于一行，或含有词表之外的 id",
            )

    def text(self, last: int, steps: int) -> list[int]:
        """Return what it says after a prompt that ends in `last`."""
        said: list[int] = []
        for _ in range(steps):
            last = int(self.table[last].argmax())
            said.append(last)
        return said


# Files of a checkpoint, as bytes.


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Return a byte-level tokenizer of 259 tokens that puts <s> in front, as Llama's does."""
    special = ["</s>", "<s>", "<|end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bytes_ = Tokenizer(models.BPE(vocab={s: i for i, s in enumerate(special + alphabet)}, merges=[]))
    bytes_.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_.decoder = decoders.ByteLevel()
    bytes_.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=bytes_,
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=["<|end|>"],
        clean_up_tokenization_spaces=False,
    )


@lru_cache(maxsize=64)
def checkpoint(
    model: Model,
    dtype: torch.dtype = torch.float32,
    *,
    shard: str = "1GB",
    eos: int | None = None,
    tokenizer: bool = False,
    old_config: bool = False,
) -> dict[str, bytes]:
    """Let transformers write a checkpoint; return its files.

    `eos` goes to generation_config.json only (config.json keeps 0); `old_config` writes the keys that
    published Llama 3 checkpoints have (rope_theta, rope_scaling, torch_dtype).
    """
    with torch.random.fork_rng():
        library = LlamaForCausalLM(make_config(model.kind))
    library.load_state_dict(model.weights)
    if eos is not None:
        library.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=eos)
    with tempfile.TemporaryDirectory() as folder:
        library.to(dtype).save_pretrained(folder, max_shard_size=shard)
        if tokenizer:
            make_tokenizer().save_pretrained(folder)
        files = {p.name: p.read_bytes() for p in Path(folder).iterdir()}
    if old_config:
        files["config.json"] = age_config(files["config.json"])
    return files


def age_config(raw: bytes) -> bytes:
    """Rewrite a config.json of transformers 5 with the keys of the published Llama 3 checkpoints."""
    config = json.loads(raw)
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = rope
    config["torch_dtype"] = config.pop("dtype")
    return json.dumps(config).encode()


# Text for the Engine.

END = 2  # <|end|>: what generation_config.json calls the end; config.json says 0
WORDS = ("你好", "世界", "注意力", "缓存", "旋转", "hello", "llama", "cache", "Norm", "42", "。", "!")


@dataclass(frozen=True)
class TextCase:
    """A checkpoint with tokenizer, prompts, and what a greedy engine must make of them."""

    files: dict[str, bytes] = field(repr=False)
    prompts: tuple[str, ...]
    texts: tuple[str, ...]
    lengths: tuple[int, ...]  # new tokens of each


@lru_cache(maxsize=32)
def text_case(seed: int, steps: int) -> TextCase:
    """Return three prompts with clear continuations: the first ends with END, the last runs to `steps`."""
    tokenizer, plain = make_tokenizer(), make_model("gqa", seed)
    source = torch.Generator().manual_seed(seed)

    def draw() -> tuple[str, Tensor]:
        picks = torch.randint(0, len(WORDS), (4,), generator=source).tolist()
        prompt = " ".join([WORDS[picks[0] % 5], *(WORDS[i] for i in picks[1:])])  # some Chinese in each
        return prompt, torch.tensor([tokenizer(prompt)["input_ids"]])

    def clear(model: Model, ids: Tensor) -> list[int] | None:
        tokens = greedy64(model, ids, steps, END)
        found = None if tokens is None else tokens[0].tolist()
        return None if found is None or set(found[:-1]) & {0, 1, 2} else found

    for _ in range(50):  # a prompt in whose continuation some token comes late for the first time
        prompt, ids = draw()
        tokens = clear(plain, ids)
        late = [t for i, t in enumerate(tokens or ()) if 4 <= i < steps - 4 and t not in tokens[:i]]
        if not late:
            continue
        model = swap_outputs(plain, late[0], END)
        first = clear(model, ids)
        others = [(p, i, clear(model, i)) for p, i in (draw() for _ in range(12))]
        endless = [(p, i, t) for p, i, t in others if t is not None and len(t) == steps and t[-1] > 2]
        if first is None or len(endless) < 2:
            continue
        chosen = [(prompt, ids, first), *endless[:2]]
        texts = [tokenizer.decode(i[0].tolist() + t, skip_special_tokens=True) for _, i, t in chosen]
        files = checkpoint(model, eos=END, tokenizer=True)
        return TextCase(
            files, tuple(p for p, _, _ in chosen), tuple(texts), tuple(len(t) for *_, t in chosen)
        )
    raise RuntimeError("fixture: no prompts with clear continuations")


@lru_cache(maxsize=64)
def swap_outputs(model: Model, a: int, b: int) -> Model:
    """Return the model that says token a where it would say b, and the other way round."""
    weights = {name: w.clone() for name, w in model.weights.items()}
    weights["lm_head.weight"][[a, b]] = weights["lm_head.weight"][[b, a]]
    with torch.random.fork_rng():
        library = LlamaForCausalLM(model.library.config).eval()
    library.load_state_dict(weights)
    for parameter in library.parameters():
        parameter.data = parameter.data.double()
    return Model(model.kind, weights, library)
