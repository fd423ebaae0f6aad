"""One small object per row keeps its tokens and knows whether it goes on. The model and its cache are bound
together first. A row that is done is fed its EOS again and again; positions count up from the prompt's."""

from dataclasses import dataclass, field
from functools import partial

import torch
from torch.nn import functional
from transformers import AutoConfig, AutoTokenizer, GenerationConfig

from exercises.llamascratch.solution import KVCache, Llama, load  # noqa: F401
from exercises.llamascratch.solution import attention as plain_attention


@dataclass
class Row:
    eos: int | None
    new: list = field(default_factory=list)
    going: bool = True

    def take(self, token):
        if self.going:
            self.new.append(token)
            self.going = token != self.eos


def pad_batch(token_lists, pad_token_id):
    width = max(map(len, token_lists))
    if [] in token_lists:
        raise ValueError("a row is empty")

    def stack(rows, filler):
        return torch.stack([functional.pad(row, (width - len(row), 0), value=filler) for row in rows])

    rows = [torch.tensor(tokens) for tokens in token_lists]
    return stack(rows, pad_token_id), stack(map(torch.ones_like, rows), 0)


def make_position_ids(attention_mask):
    numbered = torch.cumsum(attention_mask, dim=1) * attention_mask  # 1, 2, 3 ... on tokens, 0 on padding
    return (numbered - 1).clamp(min=0)


def make_mask(attention_mask, num_new):
    B, T = attention_mask.shape
    visible = attention_mask.bool()[:, None, None].expand(B, 1, num_new, T)
    return visible.tril(T - num_new)


@torch.no_grad()
def generate_batch(model, token_lists, max_new_tokens, eos_token_id=None, pad_token_id=0):
    rows = [Row(eos_token_id) for _ in token_lists]
    if rows:
        ids, mask = pad_batch(token_lists, pad_token_id)
        position_ids, forward = make_position_ids(mask), partial(model, cache=KVCache())
    for _ in range(max_new_tokens):
        if any(row.going for row in rows):
            logits = forward(ids, position_ids=position_ids, attention_mask=mask)
            for row, token in zip(rows, logits[:, -1, :].max(dim=-1).indices, strict=True):
                row.take(int(token))
            ids = torch.tensor([row.new[-1:] for row in rows])
            mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
            position_ids = position_ids[:, -1:] + 1
    return [row.new for row in rows]


def load_eos(path):
    try:
        return GenerationConfig.from_pretrained(path).eos_token_id
    except OSError:
        return AutoConfig.from_pretrained(path).eos_token_id


class Engine:
    def __init__(self, model_path):
        self.tokenizer = AutoTokenizer.from_pretrained(model_path)
        self.go_on = partial(generate_batch, load(model_path), eos_token_id=load_eos(model_path))

    def execute(self, prompts, max_new_tokens=128, temperature=0.0):
        ids = [self.tokenizer(prompt, return_attention_mask=False)["input_ids"] for prompt in prompts]
        new = self.go_on(ids, max_new_tokens)
        return [self.tokenizer.decode(a + b, skip_special_tokens=True) for a, b in zip(ids, new, strict=True)]


def cache_utilization(prompt_lens, new_lens):
    T = max(prompt_lens) + max(new_lens)
    empty = sum(T - p - n for p, n in zip(prompt_lens, new_lens, strict=True))
    return 1 - empty / (len(prompt_lens) * T)


def attend(q, k, v, mask, backend="eager"):
    if backend == "eager":
        return plain_attention(q, k, v, mask)
    if backend == "sdpa":
        heads = torch.arange(q.shape[1]) // (q.shape[1] // k.shape[1])
        return functional.scaled_dot_product_attention(q, k[:, heads], v[:, heads], attn_mask=mask)
    raise ValueError(f"unknown backend: {backend}")
