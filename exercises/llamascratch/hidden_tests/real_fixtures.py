"""What transformers makes of a real checkpoint: worked out once per slot, then its model is let go.

The oracle has float32 parameters. What a checkpoint in half precision costs in exactness is measured on
our own reference in the same dtype (exercises.md §3.9), and what greedy decoding says is asked of nobody
where that inexactness could turn it (§3.10).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import torch
from llama_fixtures import relative
from torch import Tensor
from transformers import AutoTokenizer, GenerationConfig, LlamaForCausalLM

STEPS = 8
FLOORS = {torch.float32: 1e-4, torch.bfloat16: 3e-2, torch.float16: 4e-3}  # least relative error allowed
SAFE = 4  # a token is clear where it leads by this many times the largest error of our own logits
PROMPTS = ("The capital of France is", "1, 2, 3, 4, 5,", "从前有座山，山里有座庙，")


@dataclass(frozen=True)
class Passage:
    """A prompt with transformers' greedy continuation."""

    text: str
    ids: Tensor  # [1, S + STEPS]
    length: int  # S
    logits: Tensor = field(repr=False)  # float32 [1, S + STEPS - 1, V], of all tokens but the last
    clear: int  # how many new tokens every correct solution must choose
    said: str  # prompt and those


@dataclass(frozen=True)
class Truth:
    """What a checkpoint has to give."""

    passages: tuple[Passage, ...]
    dtype: torch.dtype
    limit: float  # relative error allowed


@lru_cache(maxsize=1)
@torch.no_grad()
def real_truth(reference: object, checkpoint: object) -> Truth:
    """Work out everything; two models are in memory, one after the other."""
    path = str(checkpoint.path)
    tokenizer = AutoTokenizer.from_pretrained(path)
    prompts = [torch.tensor([tokenizer(text)["input_ids"]]) for text in PROMPTS]
    continued, exact = library_says(path, prompts)
    dtype, ours = reference_says(reference, path, [ids[:, :-1] for ids in continued])
    error = max(relative(o, e) for o, e in zip(ours, exact, strict=True))
    worst = max(float((o - e).abs().max()) for o, e in zip(ours, exact, strict=True))
    passages = []
    for text, prompt, ids, logits in zip(PROMPTS, prompts, continued, exact, strict=True):
        S = prompt.shape[1]
        clear = count_clear(logits[0, S - 1 :], ids[0, S:], SAFE * worst, set(tokenizer.all_special_ids))
        said = tokenizer.decode(ids[0, : S + clear], skip_special_tokens=True)
        passages.append(Passage(text, ids, S, logits, clear, said))
    return Truth(tuple(passages), dtype, max(2 * error, FLOORS[dtype]))


def library_says(path: str, prompts: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return every prompt with STEPS greedy tokens, and the logits of all but the last."""
    library = LlamaForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
    library.generation_config = GenerationConfig()  # the checkpoint's own may sample, or stop early
    settings = GenerationConfig(max_new_tokens=STEPS, do_sample=False)
    continued = [library.generate(ids, settings, attention_mask=torch.ones_like(ids)) for ids in prompts]
    return continued, [library(ids[:, :-1], use_cache=False).logits for ids in continued]


def reference_says(reference: object, path: str, prompts: list[Tensor]) -> tuple[torch.dtype, list[Tensor]]:
    """Return the dtype of a checkpoint and the logits, in float32, of our own model in that dtype."""
    model = reference.load(path)
    outputs = [model(ids) for ids in prompts]
    return outputs[0].dtype, [logits.float() for logits in outputs]


def count_clear(logits: Tensor, tokens: Tensor, lead: float, special: set[int]) -> int:
    """Count the first tokens [n] that lead their logits [n, V] by this much and are ordinary ones."""
    best = logits.topk(2, dim=-1).values
    doubtful = (best[:, 0] - best[:, 1] <= lead).tolist()
    for i, token in enumerate(tokens.tolist()):
        if doubtful[i] or token in special:
            return i
    return len(tokens)
