"""Generation numbers the columns, padding included, in prefill and in decoding: RoPE sees distances only, so
the logits are the same. Rows that are done are fed the pad token and masked from there on. Left padding
by flipping a right-padded batch; the loop is a generator of columns."""

from functools import partial

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AutoConfig, AutoTokenizer, GenerationConfig

from exercises.llamascratch.solution import KVCache, Llama, load  # noqa: F401
from exercises.llamascratch.solution import attention as eager


def pad_batch(token_lists, pad_token_id):
    if any(len(tokens) == 0 for tokens in token_lists):
        raise ValueError("every prompt needs at least one token")
    longest = max(len(tokens) for tokens in token_lists)
    ids = torch.tensor([tokens[::-1] + [pad_token_id] * (longest - len(tokens)) for tokens in token_lists])
    mask = torch.tensor([[1] * len(tokens) + [0] * (longest - len(tokens)) for tokens in token_lists])
    return ids.flip(1), mask.flip(1)


def make_position_ids(attention_mask):
    before = attention_mask.cumsum(-1) - attention_mask  # real tokens before each token
    return torch.where(attention_mask.bool(), before, 0)


def make_mask(attention_mask, num_new):
    B, T = attention_mask.shape
    future = torch.ones(T, T, dtype=torch.bool, device=attention_mask.device).triu(1)[T - num_new :]
    return ~(future | (attention_mask == 0).view(B, 1, 1, T))


def columns(model, ids, mask, eos_token_id, pad_token_id):
    cache, alive = KVCache(), torch.ones(len(ids), 1, dtype=torch.bool)
    first, feed = 0, ids
    while alive.any():
        position_ids = torch.arange(first, mask.shape[1]).expand(len(ids), -1)
        logits = model(feed, mask, position_ids, cache)
        token = logits[:, -1:].detach().argmax(-1)
        yield torch.where(alive, token, -1)
        if eos_token_id is not None:
            alive = alive & (token != eos_token_id)
        first, feed = mask.shape[1], torch.where(alive, token, pad_token_id)
        mask = torch.cat((mask, alive.long()), dim=1)


def generate_batch(model, token_lists, max_new_tokens, eos_token_id=None, pad_token_id=0):
    if not token_lists:
        return []
    ids, mask = pad_batch(token_lists, pad_token_id)
    produced = columns(model, ids, mask, eos_token_id, pad_token_id)
    steps = [step for _, step in zip(range(max_new_tokens), produced, strict=False)]
    table = torch.cat((ids[:, :0], *steps), dim=1)
    return [[token for token in row if token != -1] for row in table.tolist()]


def load_eos(path):
    try:
        return GenerationConfig.from_pretrained(path).eos_token_id
    except OSError:
        return AutoConfig.from_pretrained(path).eos_token_id


class Engine:
    def __init__(self, model_path):
        self.tokenizer = AutoTokenizer.from_pretrained(model_path)
        self.model = load(model_path)
        self.eos_token_id = load_eos(model_path)

    def execute(self, prompts, max_new_tokens=128, temperature=0.0):
        encoded = [self.tokenizer.encode(prompt) for prompt in prompts]
        new = generate_batch(self.model, encoded, max_new_tokens, self.eos_token_id)
        rows = [before + after for before, after in zip(encoded, new, strict=True)]
        return [self.tokenizer.decode(row, skip_special_tokens=True) for row in rows]


def cache_utilization(prompt_lens, new_lens):
    width = max(prompt_lens) + max(new_lens)
    rows = [(p + n) / width for p, n in zip(prompt_lens, new_lens, strict=True)]
    return sum(rows) / len(rows)


def attend(q, k, v, mask, backend="eager"):
    backends = {"eager": eager, "sdpa": partial(scaled_dot_product_attention, enable_gqa=True)}
    if backend not in backends:
        raise ValueError(f"choose one of {list(backends)}")
    return backends[backend](q, k, v, mask)
