"""Sharp random models, their logits in float64, greedy texts with clear winners, and poison for empty slots.

Nothing here touches a student's code. Two oracles judge all logits, our reference's Llama and
transformers' own, both without any cache; where they disagree it is our fault (RuntimeError). Everything that
does not depend on the submission is remembered per seed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import combinations

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

from grader.checks import assert_close, assert_equal, check, clue, put_right
from grader.memo import remembered

logging.disable_progress_bar()

LOGITS = 2e-5  # relative Frobenius error in float32
STORED = 1e-5
AGREEMENT = 1e-5  # between the two oracles
GAP = 1e-3  # greedy fixtures: best minus second logit, in units of the logits' standard deviation
POISON = 1e4
F32 = torch.float32
CONFIGS: dict[str, dict[str, object]] = {
    "base": {},  # head_dim is not hidden_size / heads, on purpose
    "short": {"max_position_embeddings": 24},
    "one layer": {"num_hidden_layers": 1, "hidden_size": 32, "intermediate_size": 48},
    "deep": {
        "num_hidden_layers": 6,
        "hidden_size": 32,
        "intermediate_size": 96,
        "num_attention_heads": 4,
        "head_dim": 8,
    },
}


@remembered
def make_config(kind: str) -> LlamaConfig:
    """Return the config of one kind of model; a fresh object each time."""
    base: dict[str, object] = {
        "vocab_size": 96,
        "hidden_size": 64,
        "intermediate_size": 112,
        "num_hidden_layers": 2,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "tie_word_embeddings": False,
        "bos_token_id": 1,
        "eos_token_id": 0,
    }
    return LlamaConfig(**(base | CONFIGS[kind]))


@dataclass(frozen=True, eq=False)
class Model:
    """A random model: its weights under their checkpoint names, and the library's own Llama."""

    kind: str
    weights: dict[str, Tensor] = field(repr=False)  # float32
    library: LlamaForCausalLM = field(repr=False)  # eager attention, float64 parameters

    @cached_property
    def config(self) -> LlamaConfig:
        """Its config, which nobody changes."""
        return make_config(self.kind)


@lru_cache(maxsize=16)
def make_model(kind: str, seed: int) -> Model:
    """Draw weights: embeddings N(0, 1), norms U(0.5, 1.5), linear N(0, 1/fan_in), queries and keys doubled.

    So attention attends, and a mistake in the mask or in a position changes the logits.
    """
    source = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        shapes = {n: p.shape for n, p in LlamaForCausalLM(make_config(kind)).named_parameters()}
    weights = {}
    for name, shape in shapes.items():
        if len(shape) == 1:
            weights[name] = torch.rand(shape, generator=source) + 0.5
            continue
        gain = 1.0 if "embed" in name else shape[1] ** -0.5
        gain *= 2.0 if "q_proj" in name or "k_proj" in name else 1.0
        weights[name] = torch.randn(shape, generator=source) * gain
    return with_weights(kind, weights)


def with_weights(kind: str, weights: dict[str, Tensor]) -> Model:
    """Return the model that has these weights."""
    config = make_config(kind)
    config._attn_implementation = "eager"
    with torch.random.fork_rng():
        library = LlamaForCausalLM(config).eval()
    library.load_state_dict(weights)
    for parameter in library.parameters():  # never the buffers: rounding inv_freq would be for good
        parameter.data = parameter.data.double()
    return Model(kind, weights, library)


@lru_cache(maxsize=16)
def swap_tokens(model: Model, a: int, b: int) -> Model:
    """Return the model for which two tokens have changed places, in what it reads and in what it says."""
    weights = {name: w.clone() for name, w in model.weights.items()}
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        weights[name][[a, b]] = weights[name][[b, a]]
    return with_weights(model.kind, weights)


@lru_cache(maxsize=16)
def our_model(reference: object, model: Model) -> torch.nn.Module:
    """Return the reference's Llama with these weights, float64 parameters."""
    with torch.random.fork_rng():
        ours = reference.Llama(model.config)
    ours.load_state_dict(model.weights)
    for parameter in ours.parameters():
        parameter.data = parameter.data.double()
    return ours


@remembered
@torch.no_grad()
def oracle(reference: object, model: Model, ids: Tensor) -> Tensor:
    """Return the logits [B, S, V] of one pass in float64. Raises RuntimeError where the oracles disagree."""
    library = model.library(ids, attention_mask=torch.ones_like(ids), use_cache=False).logits
    ours = our_model(reference, model)(ids)
    if float((ours - library).norm() / library.norm()) > AGREEMENT:
        raise RuntimeError("fixture: our reference and the library disagree")
    return ours


@remembered
@torch.no_grad()
def stored(reference: object, model: Model, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rotated keys and the values [L, B, Hkv, S, D] of a sequence, in float64."""
    cache = reference.KVCache()
    our_model(reference, model)(ids, cache=cache)
    layers = range(model.config.num_hidden_layers)
    return torch.stack([cache.keys[i] for i in layers]), torch.stack([cache.values[i] for i in layers])


def student_model(student: object, model: Model, device: str) -> object:
    """Build the student's Llama with these weights."""
    theirs = student.Llama(model.config)
    theirs.load_state_dict(model.weights)
    theirs.to(device)
    return theirs


def make_cache(student: object, model: Model, batch: int, length: int, device: str) -> object:
    """Make the student's cache for a float32 model."""
    return student.StaticCache(model.config, batch, length, device=device)


def random_ids(rng: object, model: Model, *shape: int) -> Tensor:
    """Draw token ids."""
    return rng.integers(3, model.config.vocab_size, shape)


def contents(cache: object, *, exact: bool = False) -> dict[str, Tensor]:
    """Return k and v of the student's cache, checked for form; with `exact` there must be nothing else."""
    state = cache.state_dict()
    check(
        isinstance(state, dict) and {"k", "v"} <= set(state) and all(map(torch.is_tensor, state.values())),
        "state_dict() of a StaticCache must have the entries k and v",
        "StaticCache 的 state_dict() 应包含 k 与 v 两项",
    )
    check(
        not exact or set(state) == {"k", "v"},
        "state_dict() of a StaticCache must have no entries but k and v: persistent=False keeps a buffer out",
        "StaticCache 的 state_dict() 除 k 与 v 外不应有其他项：persistent=False 可使缓冲区不出现在其中",
    )
    # Keys may be stored before or after rotation, which does not change their lengths.
    clue((state["v"], state["k"].double().norm(dim=-1)), replaces=1)
    return {name: state[name] for name in ("k", "v")}


def poison(rng: object, cache: object, model: Model, batch: int, length: int) -> dict[str, Tensor]:
    """Fill all slots of the student's cache with +-POISON, in place, and return that."""
    config = model.config
    shape = (config.num_hidden_layers, batch, config.num_key_value_heads, length, config.head_dim)
    state = {name: (rng.integers(0, 2, shape) * 2 - 1) * POISON for name in ("k", "v")}
    known = cache.state_dict()
    clue(None, replaces=1)
    cache.load_state_dict({**known, **state} if isinstance(known, dict) else state)
    return state


def assert_logits(actual: object, due: Tensor, what: str) -> None:
    """Compare logits in value; their form is Z2's."""
    assert_close(put_right(actual, due.to(F32)), due, LOGITS, what=what, dtype=F32)


def assert_tokens(actual: object, due: Tensor, what: str) -> None:
    """Compare tokens in value; their form is Z2's."""
    assert_equal(put_right(actual, due), due, what=what)


class Decoder:
    """Feeds token after token through one of the student's functions and compares with one full pass."""

    def __init__(self, step: object, theirs: object, cache: object, device: str) -> None:
        self.step, self.theirs, self.cache, self.device = step, theirs, cache, device

    def feed(self, tokens: Tensor, position: int) -> object:
        """Feed one token per row, [B, 1], at a position; return the answer."""
        where = torch.tensor([position]).to(self.device)
        tokens = tokens.flatten()[:, None].to(self.device)  # the same strides, or it is another graph
        return self.step(self.theirs, tokens, where, self.cache)

    def follow(self, ids: Tensor, start: int, due: Tensor, what: str, graphs: int | None = None) -> None:
        """Feed ids[:, start:] one by one; `due` [B, S, V] are the logits of one pass over ids.

        With `graphs` the compiled step may have captured that many so far.
        """
        for p in range(start, ids.shape[1]):
            assert_logits(self.feed(ids[:, p : p + 1], p), due[:, p], what)
            if graphs is not None:
                breaks = self.step.graphs - graphs  # their number depends on more than the mistake
                clue("none" if breaks <= 0 else "once" if breaks <= 2 else "often")
                check(
                    self.step.graphs <= graphs,
                    f"decode_step takes more than {graphs} graph: does a shape or Python number change from "
                    "step to step, does it ask for the value of a tensor, or print?",
                    f"decode_step 用了不止 {graphs} 个计算图：是否有形状或 Python 数值随步骤变化？"
                    "是否读取了张量的值，或者打印了内容？",
                )


class Slots:
    """The memory in which a new cache has its slots, watched without asking the student's code.

    Which it is shows when the slots are filled with poison: no other tensor of the cache holds that.
    """

    def __init__(
        self, rng: object, student: object, cache: object, model: Model, batch: int, length: int
    ) -> None:
        self.student, self.cache = student, cache
        student.held(cache)  # from here on it is known where they are
        state = poison(rng, cache, model, batch, length)
        pieces = student.held(cache)
        self.mine = [None if p is None else p.double().abs() == POISON for p in pieces]
        found = sum(int(mine.sum()) for mine in self.mine if mine is not None)
        self._judge(found == sum(value.numel() for value in state.values()), "", "")
        self.assert_stay("in load_state_dict", "load_state_dict 之后")

    def contents(self) -> Tensor | None:
        """Return what the slots hold, [n] in no order, or None where one has been moved."""
        pieces = self.student.held(self.cache)
        if [p is None or p.shape for p in pieces] != [m is None or m.shape for m in self.mine]:
            return None
        return torch.cat([p[mine] for p, mine in zip(pieces, self.mine, strict=True) if p is not None])

    def assert_stay(self, when: str, when_zh: str) -> None:
        """Fail unless all that the cache says it holds lies where its slots were at first."""
        now, state = self.contents(), contents(self.cache)
        said = torch.cat([value.flatten() for value in state.values()])
        same = now is not None and now.shape == said.shape and torch.equal(now.sort()[0], said.sort()[0])
        self._judge(same, f" {when}", f"（{when_zh}）")

    def _judge(self, right: bool, when: str, when_zh: str) -> None:
        clue(right)
        check(
            right,
            f"the buffers are not where they were when the cache was made{when}: write into them (copy_, "
            "index_copy_), do not replace or resize them",
            f"缓冲区已不在缓存创建时的位置{when_zh}：应写入原缓冲区（copy_、index_copy_），不要替换或改变其大小",
        )

    def clear(self) -> None:
        """Fill all slots with zeros, where they lie."""
        pieces = self.student.held(self.cache)
        pairs = zip(pieces, self.mine, strict=True)
        self.student.held(self.cache, [None if p is None else p.masked_fill(mine, 0) for p, mine in pairs])


# Greedy text: every step has a clear winner, so that correct float32 code must agree.


@torch.no_grad()
def greedy(model: Model, prompts: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Return the library's greedy tokens [N, steps] after prompts [N, S], and which rows are clear."""
    ids = prompts
    clear = torch.ones(len(prompts), dtype=torch.bool)
    for _ in range(steps):
        logits = model.library(ids, use_cache=False).logits[:, -1]
        best = logits.topk(2).values
        clear &= best[:, 0] - best[:, 1] > GAP * logits.std(dim=-1)
        ids = torch.cat((ids, logits.argmax(-1, keepdim=True)), dim=1)
    return ids[:, prompts.shape[1] :], clear


@lru_cache(maxsize=64)
def greedy_case(model: Model, seed: int, rows: int, length: int, steps: int) -> tuple[Tensor, Tensor]:
    """Return prompts [rows, length] and their continuations [rows, steps]: varied and clear."""
    source = torch.Generator().manual_seed(seed)
    for _ in range(10):
        prompts = torch.randint(3, model.config.vocab_size, (2 * rows + 8, length), generator=source)
        texts, clear = greedy(model, prompts, steps)
        varied = torch.tensor([len(set(text)) >= min(5, steps) for text in texts.tolist()])
        if int((clear & varied).sum()) >= rows:
            return prompts[clear & varied][:rows], texts[clear & varied][:rows]
    raise RuntimeError("fixture: too few prompts with a clear greedy continuation")


@lru_cache(maxsize=64)
def eos_case(model: Model, seed: int, length: int, steps: int) -> tuple[Tensor, Tensor, int]:
    """Return three prompts, their texts, and a token > 0 that ends them at three different steps."""
    source = torch.Generator().manual_seed(seed)
    for _ in range(20):
        prompts, texts = greedy_case(
            model, int(torch.randint(2**62, (), generator=source)), 12, length, steps
        )
        for rows in combinations(range(12), 3):
            said = texts[list(rows)].tolist()
            for token in set(said[0]).intersection(*said[1:]) - {0}:
                ends = {row.index(token) for row in said}
                if len(ends) == 3 and min(ends) > 1 and max(ends) < steps - 2:
                    return prompts[list(rows)], texts[list(rows)], token
    raise RuntimeError("fixture: no three texts with a token in common")


def until(texts: Tensor, eos: int) -> Tensor:
    """Return what generate is to return: rows end with EOS, repeat it, and stop when all have ended."""
    rows = [row[: row.index(eos) + 1] if eos in row else row for row in texts.tolist()]
    n = max(map(len, rows))
    return torch.tensor([row + [eos] * (n - len(row)) for row in rows])
