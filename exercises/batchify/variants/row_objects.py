"""One small object per row keeps its tokens and knows whether it goes on; the rectangle is built from the rows. The
model and its cache are bound together first. A row that is done is fed its EOS again and again."""

from dataclasses import dataclass, field
from functools import partial

import torch
import torch.nn.functional as F
from transformers import AutoTokenizer

from exercises.llamascratch.solution import KVCache, Llama, load, load_eos
from exercises.llamascratch.solution import attention as plain_attention


@dataclass
class Row:
    prompt: list
    new: list = field(default_factory=list)
    going: bool = True

    def take(self, token, eos):
        if self.going:
            self.new.append(token)
            self.going = token != eos

    def padded(self, width, filler, own=None):
        tokens = self.prompt if own is None else [own] * len(self.prompt)
        return F.pad(torch.tensor(tokens), (width - len(tokens), 0), value=filler)


def pad_batch(token_lists, pad_token_id):
    rows, width = [Row(tokens) for tokens in token_lists], max(map(len, token_lists))
    if min(len(row.prompt) for row in rows) < 1:
        raise ValueError("a row is empty")
    ids = torch.stack([row.padded(width, pad_token_id) for row in rows])
    return ids, torch.stack([row.padded(width, 0, own=1) for row in rows])


def make_position_ids(attention_mask):
    numbered = torch.cumsum(attention_mask, dim=1) * attention_mask  # 1, 2, 3 ... on tokens, 0 on padding
    return (numbered - 1).clamp(min=0)


def make_mask(attention_mask, num_new):
    B, T = attention_mask.shape
    visible = attention_mask.bool()[:, None, None].expand(B, 1, num_new, T)
    return visible.tril(T - num_new)


class Batch:
    def __init__(self, model, token_lists, pad_token_id):
        self.rows = [Row(tokens) for tokens in token_lists]
        self.ids, self.mask = pad_batch(token_lists, pad_token_id)
        self.position_ids = make_position_ids(self.mask)
        self.forward = partial(model, cache=KVCache())

    def step(self, eos):
        logits = self.forward(self.ids, position_ids=self.position_ids, attention_mask=self.mask)
        tokens = torch.argmax(logits[:, -1, :], dim=-1)
        for row, token in zip(self.rows, tokens, strict=True):
            row.take(int(token), eos)
        self.ids = torch.tensor([row.new[-1:] for row in self.rows])
        self.mask = torch.cat([self.mask, torch.ones_like(self.ids)], dim=1)
        self.position_ids = self.position_ids[:, -1:] + 1


def generate_batch(model, token_lists, max_new_tokens, eos_token_id=None, pad_token_id=0):
    if not token_lists:
        return []
    batch = Batch(model, token_lists, pad_token_id)
    with torch.no_grad():
        for _ in range(max_new_tokens):
            if any(row.going for row in batch.rows):
                batch.step(eos_token_id)
    return [row.new for row in batch.rows]


class Engine:
    def __init__(self, model_path):
        self.model: Llama = load(model_path)
        self.tokenizer = AutoTokenizer.from_pretrained(model_path)
        self.options = {"eos_token_id": load_eos(model_path)}

    def execute(self, prompts, max_new_tokens=128, temperature=0.0):
        if temperature:
            raise NotImplementedError("greedy only")
        ids = [self.tokenizer(prompt, return_attention_mask=False)["input_ids"] for prompt in prompts]
        new = generate_batch(self.model, ids, max_new_tokens, **self.options)
        return self.tokenizer.batch_decode([a + b for a, b in zip(ids, new, strict=True)], skip_special_tokens=True)


def cache_utilization(prompt_lens, new_lens):
    B, T = len(prompt_lens), max(prompt_lens) + max(new_lens)
    empty = sum(max(prompt_lens) - p for p in prompt_lens) + sum(max(new_lens) - n for n in new_lens)
    return 1 - empty / (B * T)


def attend(q, k, v, mask, backend="eager"):
    match backend:
        case "eager":
            return plain_attention(q, k, v, mask)
        case "sdpa":
            k, v = (x.unsqueeze(2).expand(-1, -1, q.shape[1] // x.shape[1], -1, -1).flatten(1, 2) for x in (k, v))
            return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    raise ValueError(f"unknown backend: {backend}")
