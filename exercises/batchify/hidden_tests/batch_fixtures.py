"""Sharp random models, rows with clear continuations, and a model that stays with the judge and counts.

Nothing here touches a student's code. What a row says is worked out by our reference and confirmed, row by
row and without padding, by transformers' own Llama. Everything that does not depend on the submission is
remembered per seed.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from torch import Tensor
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging

from grader.memo import Aside, fingerprint, remembered
from grader.remote.instance import Instance

logging.disable_progress_bar()

GAP = 1e-3  # best minus second logit at every greedy step, in units of the logits' standard deviation
CANDIDATES = 4  # prompts drawn for each one that is needed
SIZES = {"small": 97, "text": 259}  # kinds of models: their vocabularies


@remembered
def make_config(kind: str) -> LlamaConfig:
    """Return the config of one kind of model; a fresh object each time."""
    return LlamaConfig(
        vocab_size=SIZES[kind],
        hidden_size=64,
        intermediate_size=176,
        num_hidden_layers=2,
        num_attention_heads=8,
        num_key_value_heads=2,
        max_position_embeddings=512,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 500000.0},
        tie_word_embeddings=False,
        bos_token_id=1,
        eos_token_id=0,
    )


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
    """Draw weights, rounded to `dtype`: embeddings N(0, 1), linear N(0, 1/fan_in), queries and keys doubled.

    Attention that attends, so that a mistake in mask or positions changes what the model says.
    """
    source = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        shapes = {name: p.shape for name, p in LlamaForCausalLM(make_config(kind)).named_parameters()}
    weights = {}
    for name, shape in shapes.items():
        if len(shape) == 1:
            drawn = torch.rand(shape, generator=source) + 0.5
        else:
            gain = 1.0 if "embed" in name else shape[1] ** -0.5
            gain *= 2.0 if "q_proj" in name or "k_proj" in name else 1.0
            drawn = torch.randn(shape, generator=source) * gain
        weights[name] = drawn.to(dtype).float()
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


@lru_cache(maxsize=64)
def swap_tokens(model: Model, a: int, b: int) -> Model:
    """Return the model for which tokens a and b have changed places, in what it reads and in what it says."""
    weights = {name: w.clone() for name, w in model.weights.items()}
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        weights[name][[a, b]] = weights[name][[b, a]]
    return with_weights(model.kind, weights)


@lru_cache(maxsize=64)
def our_model(reference: object, model: Model, dtype: torch.dtype = torch.float64) -> torch.nn.Module:
    """Return the reference's Llama with these weights."""
    with torch.random.fork_rng():
        ours = reference.Llama(model.config)
    ours.load_state_dict(model.weights)
    for parameter in ours.parameters():
        parameter.data = parameter.data.to(dtype)
    return ours


def student_model(student: object, model: Model, device: str, dtype: torch.dtype | None = None) -> object:
    """Build the student's Llama with these weights."""
    theirs = student.Llama(model.config)
    theirs.load_state_dict(model.weights)
    if dtype is not None:
        theirs.to(dtype)
    theirs.to(device)
    return theirs


def relative(a: Tensor, b: Tensor) -> float:
    """Return |a - b| / |b| in float64."""
    return float((a.double() - b.double()).norm() / b.double().norm())


# Rows: a prompt and what follows it.


@dataclass(frozen=True)
class Row:
    """A prompt and its greedy continuation, every step of which has a clear winner."""

    prompt: tuple[int, ...]
    new: tuple[int, ...]

    def until(self, eos: int | None, n: int | None = None) -> list[int]:
        """Return the first n new tokens, up to and including `eos`."""
        kept = list(self.new[:n])
        return kept[: kept.index(eos) + 1] if eos in kept else kept

    def swapped(self, a: int, b: int) -> Row:
        """Return the row with tokens a and b exchanged."""
        exchange = {a: b, b: a}
        return Row(
            tuple(exchange.get(t, t) for t in self.prompt), tuple(exchange.get(t, t) for t in self.new)
        )


@lru_cache(maxsize=64)
def make_rows(
    reference: object, model: Model, seed: int, lengths: tuple[int, ...], n: int
) -> tuple[Row, ...]:
    """Return one row per prompt length, with n new tokens that the library confirms."""
    source = torch.Generator().manual_seed(seed)
    found: list[Row | None] = [None] * len(lengths)
    for _ in range(50):
        missing = [i for i, row in enumerate(found) if row is None]
        if not missing:
            return tuple(found)
        wanted = [i for i in missing for _ in range(CANDIDATES if len(missing) < 10 else 1)]
        prompts = [
            torch.randint(0, model.config.vocab_size, (lengths[i],), generator=source).tolist()
            for i in wanted
        ]
        for i, row in zip(wanted, continue_rows(reference, model, prompts, n), strict=True):
            if found[i] is None and varied(row) and confirmed(model, row):
                found[i] = row
    raise RuntimeError("fixture: no prompts with clear greedy continuations")


def continue_rows(reference: object, model: Model, prompts: list[list[int]], n: int) -> list[Row]:
    """Let the reference continue prompts in float64."""
    new = reference.generate_batch(our_model(reference, model), prompts, n)
    return [Row(tuple(p), tuple(t)) for p, t in zip(prompts, new, strict=True)]


def varied(row: Row) -> bool:
    """Say whether a continuation is no mere repetition."""
    return len(set(row.new)) > len(row.new) // 3


@torch.no_grad()
def confirmed(model: Model, row: Row) -> bool:
    """Say whether the library, reading this row alone, finds the same tokens, and by a clear margin."""
    ids = torch.tensor([row.prompt + row.new])
    logits = model.library(ids, use_cache=False).logits[0, len(row.prompt) - 1 : -1]  # [n, V]
    best = logits.topk(2, dim=-1)
    if best.indices[:, 0].tolist() != list(row.new):
        return False
    return bool((best.values[:, 0] - best.values[:, 1] >= GAP * logits.std(-1)).all())


@dataclass(frozen=True)
class Ending:
    """Rows and a token on which some of them end, at different steps."""

    rows: tuple[Row, ...]
    eos: int


@lru_cache(maxsize=64)
def make_ending(reference: object, model: Model, seed: int) -> Ending:
    """Return rows of which three to five stop at different steps, after the choice of a suitable EOS.

    The last two rows are special: one never stops, and one has the EOS in its prompt and not at once
    behind it.
    """
    source = torch.Generator().manual_seed(seed)
    for attempt in range(20):
        lengths = tuple(torch.randint(2, 16, (48,), generator=source).tolist())
        rows = make_rows(reference, model, seed + attempt + 1, lengths, 24)
        for eos in torch.randperm(model.config.vocab_size, generator=source).tolist():
            stops: dict[int, Row] = {}
            for row in rows:
                if eos in row.new and eos not in row.prompt and row.new.index(eos) > 0:
                    stops.setdefault(row.new.index(eos), row)
            endless = [row for row in rows if eos not in row.new and eos not in row.prompt]
            inside = [row for row in rows if eos in row.prompt and eos not in row.new[:3]]
            if eos > 1 and len(stops) >= 3 and endless and inside:
                chosen = list(stops.values())[:5]
                return Ending((*chosen, endless[0], inside[0]), eos)
    raise RuntimeError("fixture: no token on which rows end at different steps")


# The model that stays with the judge.

MOST_TOKENS = 1024  # in one call: what a call costs us grows with their square


Step = tuple[Tensor, Tensor | None, Tensor | None]  # input_ids, attention_mask, position_ids


@dataclass
class Past:
    """A cache of the student's (kept, so that its id is not used again), ours, and what they were fed."""

    theirs: object
    ours: object
    history: bytes = b""  # tells apart what was fed
    rows: int = 0
    length: int = 0  # in tokens
    waiting: list[Step] = field(default_factory=list)  # not in our cache: the answers were known

    def add(self, step: Step) -> None:
        """Feed it."""
        self.rows, self.length = step[0].shape[0], self.length + step[0].shape[1]
        self.history = fingerprint((self.history, step))
        self.waiting.append(step)


@remembered
@torch.no_grad()
def last_logits(llama: object, history: bytes, past: Aside) -> Tensor:
    """Return the float32 logits of the step fed last, after this history."""
    steps, past.value.waiting = past.value.waiting, []
    for step in steps:
        logits = llama(*step, past.value.ours)
    return logits.float()


class Counter:
    """A Llama for the student to call. Checks and counts calls, and keeps what belongs to each cache."""

    def __init__(self, reference: object, model: Model) -> None:
        self.llama = our_model(reference, model)
        self.V = model.config.vocab_size
        self.new_cache = reference.KVCache
        self.fed: list[tuple[int, int]] = []  # [B, S] of each call
        self.ids: list[Tensor] = []  # input_ids of each call
        self.said: list[list[list[int]]] = []  # the best next tokens of each row, behind each column, by call
        self._pasts: dict[int, Past] = {}  # by id of the student's cache

    def past(self, cache: object) -> Past:
        """Return what the student's cache stands for; nothing yet where there is none."""
        if cache is None:
            return Past(None, None)
        return self._pasts.setdefault(id(cache), Past(cache, self.new_cache()))

    def __call__(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: object = None,
    ) -> Tensor:
        """Return float32 logits [B, S, V]."""
        self.fed.append(tuple(input_ids.shape))
        past = self.past(cache)
        past.add((input_ids, attention_mask, position_ids))
        logits = last_logits(self.llama, past.history, Aside(past))
        self.ids.append(input_ids)
        self.said.append(logits.argmax(-1).tolist())
        return logits

    def validate(
        self,
        input_ids: object,
        attention_mask: object = None,
        position_ids: object = None,
        cache: object = None,
    ) -> None:
        """Raise ValueError unless Llama would understand the call."""
        if not isinstance(input_ids, Tensor) or input_ids.dtype != torch.int64 or input_ids.dim() != 2:
            raise ValueError("input_ids must be an int64 tensor [B, S]", "input_ids 应为 int64 张量 [B, S]")
        if not input_ids.numel() or int(input_ids.min()) < 0 or int(input_ids.max()) >= self.V:
            raise ValueError(
                "input_ids must be [B, S], not empty, with ids inside the vocabulary",
                "input_ids 应为 [B, S]，不能为空，且 id 应在词表范围内",
            )
        if cache is not None and not isinstance(cache, Instance):
            raise ValueError("cache must be a KVCache of yours, or None", "cache 应为你的 KVCache 或 None")
        B, S = input_ids.shape
        past = self.past(cache)
        if past.rows not in (0, B):
            raise ValueError(
                "one cache serves one batch: the number of rows has changed",
                "一个缓存只服务一个批次：行数发生了变化",
            )
        T = S + past.length
        if B * T > MOST_TOKENS:
            raise ValueError(
                f"more than {MOST_TOKENS} tokens in one call, those in the cache included",
                f"一次调用（含缓存中的）超过 {MOST_TOKENS} 个 token",
            )
        if attention_mask is not None:
            _whole_numbers(attention_mask, "attention_mask", ((B, T),))
        if position_ids is not None:
            _whole_numbers(position_ids, "position_ids", ((B, S), (1, S)))


def _whole_numbers(value: object, name: str, shapes: tuple[tuple[int, int], ...]) -> None:
    """Raise ValueError unless `value` is a tensor of integers (or bools) of one of these shapes."""
    if not isinstance(value, Tensor) or value.is_floating_point() or value.is_complex():
        raise ValueError(f"{name} must be a tensor of integers", f"{name} 应为整数张量")
    if tuple(value.shape) not in shapes:
        raise ValueError(
            f"{name} has the shape {list(value.shape)}, expected {list(shapes[0])}",
            f"{name} 的形状为 {list(value.shape)}，应为 {list(shapes[0])}",
        )


# Files of a checkpoint, and text.

END = 2  # <|end|>: what generation_config.json calls the end; config.json says 0
WORDS = ("你好", "世界", "注意力", "缓存", "批处理", "hello", "llama", "batch", "Norm", "42", "。", "!")


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Return a byte-level tokenizer of 259 tokens that puts <s> in front and has no pad token, as Llama's."""
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


def checkpoint(model: Model, eos: int) -> dict[str, bytes]:
    """Let transformers write a checkpoint with tokenizer; `eos` goes to generation_config.json only."""
    with torch.random.fork_rng():
        library = LlamaForCausalLM(make_config(model.kind))
    library.load_state_dict(model.weights)
    library.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=eos)
    with tempfile.TemporaryDirectory() as folder:
        library.save_pretrained(folder)
        make_tokenizer().save_pretrained(folder)
        return {p.name: p.read_bytes() for p in Path(folder).iterdir()}


@dataclass(frozen=True)
class TextCase:
    """A checkpoint with tokenizer, prompts of unequal length, and what a greedy engine must make of them."""

    files: dict[str, bytes] = field(repr=False)
    model: Model
    prompts: tuple[str, ...]
    rows: tuple[Row, ...]  # <s> included; `new` runs on behind END


def decode(row: Row, n: int, new: list[int] | None = None) -> str:
    """Return the text of a prompt with n new tokens (up to END), or with the given ones."""
    tokens = [*row.prompt, *(row.until(END, n) if new is None else new)]
    return make_tokenizer().decode(tokens, skip_special_tokens=True)


@lru_cache(maxsize=32)
def text_case(reference: object, seed: int, n: int) -> TextCase:
    """Return five prompts with Chinese in them, two of which end with END, at different steps.

    Another one says the token 0 on its way, which only config.json takes for the end.
    """
    tokenizer, plain = make_tokenizer(), make_model("text", seed)
    source = torch.Generator().manual_seed(seed)

    def draw() -> str:
        picks = torch.randint(0, len(WORDS), (1 + len(drawn) % 4,), generator=source).tolist()
        return " ".join([WORDS[len(drawn) % 5], *(WORDS[i] for i in picks)])

    for _ in range(20):
        drawn: list[str] = []
        while len(drawn) < 40:
            drawn.append(draw())
        text_of = {tuple(tokenizer(prompt)["input_ids"]): prompt for prompt in drawn}
        rows = continue_rows(reference, plain, [list(ids) for ids in text_of], n)
        rows = [row for row in rows if not set(row.new) & {0, 1, 2} and confirmed(plain, row)]
        for eos in range(3, 259):
            ending = {
                row.new.index(eos): row for row in rows if eos in row.new[2:-2] and eos not in row.prompt
            }
            others = [row for row in rows if eos not in row.new + row.prompt]
            if len(ending) >= 2 and len(others) >= 3:
                some = [*list(ending.values())[:2], *others[:3]]
                chosen = [some[i] for i in torch.randperm(5, generator=source).tolist()]
                said = [t for t in others[0].new[2:-2] if all(t not in row.prompt for row in chosen)]
                if not said:
                    continue
                model = swap_tokens(swap_tokens(plain, eos, END), said[0], 0)
                swapped = tuple(row.swapped(eos, END).swapped(said[0], 0) for row in chosen)
                prompts = tuple(text_of[row.prompt] for row in chosen)
                return TextCase(checkpoint(model, END), model, prompts, swapped)
    raise RuntimeError("fixture: no prompts with clear continuations")
