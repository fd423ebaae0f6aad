"""The longest prompt first, as in a queue; results go back to where their prompts stand. Comparisons."""

import torch
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoConfig, AutoTokenizer, GenerationConfig

from exercises.llamascratch.solution import KVCache, Llama, attention, load  # noqa: F401


def pad_batch(token_lists, pad_token_id):
    if not all(map(len, token_lists)):
        raise ValueError("every prompt needs a token")
    rows = [torch.tensor(row) for row in token_lists]
    ones = [torch.ones_like(row) for row in rows]
    ids = pad_sequence(rows, batch_first=True, padding_value=pad_token_id, padding_side="left")
    return ids, pad_sequence(ones, batch_first=True, padding_side="left")


def make_position_ids(attention_mask):
    before = attention_mask.cumsum(-1) - attention_mask
    return before.masked_fill(attention_mask == 0, 0)


def make_mask(attention_mask, num_new):
    j = torch.arange(attention_mask.shape[1], device=attention_mask.device)
    return (j <= j[len(j) - num_new :, None]) & (attention_mask != 0)[:, None, None]


@torch.no_grad()
def columns(model, token_lists, pad_token_id):
    feed, mask = pad_batch(token_lists, pad_token_id)
    cache = KVCache()
    while True:
        position_ids = make_position_ids(mask)[:, -feed.shape[1] :]
        feed = model(feed, mask, position_ids, cache)[:, -1:].argmax(-1)
        yield feed[:, 0].tolist()
        mask = functional.pad(mask, (0, 1), value=1)


def generate_batch(model, token_lists, max_new_tokens, eos_token_id=None, pad_token_id=0):
    if not all(token_lists):
        raise ValueError("every prompt needs a token")
    order = sorted(range(len(token_lists)), key=lambda b: -len(token_lists[b]))
    steps = columns(model, [token_lists[b] for b in order], pad_token_id)
    new, going = [[] for _ in token_lists], set(order)
    for _ in range(max_new_tokens):
        if not going:
            break
        for b, token in zip(order, next(steps), strict=True):
            if b in going:
                new[b].append(token)
        going = {b for b in going if new[b][-1] != eos_token_id}
    return new


def load_eos(path):
    try:
        return GenerationConfig.from_pretrained(path).eos_token_id
    except OSError:
        return AutoConfig.from_pretrained(path).eos_token_id


class Engine:
    def __init__(self, model_path):
        self.model, self.eos = load(model_path), load_eos(model_path)
        self.tokenizer = AutoTokenizer.from_pretrained(model_path)

    def execute(self, prompts, max_new_tokens=128, temperature=0.0):
        ids = [self.tokenizer.encode(prompt) for prompt in prompts]
        new = generate_batch(self.model, ids, max_new_tokens, self.eos)
        return [self.tokenizer.decode(a + b, skip_special_tokens=True) for a, b in zip(ids, new, strict=True)]


def cache_utilization(prompt_lens, new_lens):
    used = torch.tensor([prompt_lens, new_lens])
    return (used.sum() / (used.shape[1] * used.amax(1).sum())).item()  # in float32


def attend(q, k, v, mask, backend="eager"):
    backends = {"eager": attention, "sdpa": sdpa}
    if backend not in backends:
        raise ValueError(f"{backend} is none of {list(backends)}")
    return backends[backend](q, k, v, mask)


def sdpa(q, k, v, mask):
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)
