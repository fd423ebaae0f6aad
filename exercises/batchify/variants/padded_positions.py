"""Generation numbers the columns, padding included, in prefill and in decoding: RoPE sees distances only, so the
logits are the same. Rows that are done are fed the pad token and masked from there on. Left padding by
flipping a right-padded batch; the loop is a generator of columns."""

import torch
from torch import nn
from transformers import AutoTokenizer

from exercises.llamascratch.solution import KVCache, Llama, load, load_eos  # noqa: F401
from exercises.llamascratch.solution import attention as eager


def pad_batch(token_lists, pad_token_id):
    if any(len(tokens) == 0 for tokens in token_lists):
        raise ValueError("every prompt needs at least one token")
    longest = max(len(tokens) for tokens in token_lists)
    ids, mask = [], []
    for tokens in token_lists:
        missing = longest - len(tokens)
        ids.append((tokens[::-1] + [pad_token_id] * missing)[::-1])
        mask.append(([1] * len(tokens) + [0] * missing)[::-1])
    return torch.tensor(ids, dtype=torch.long), torch.tensor(mask, dtype=torch.long)


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
        with torch.no_grad():
            logits = model(
                input_ids=feed, attention_mask=mask, position_ids=position_ids.contiguous(), cache=cache
            )
        token = logits[:, -1:].argmax(-1)
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


class Engine:
    def __init__(self, model_path):
        self.tokenizer = AutoTokenizer.from_pretrained(model_path)
        self.model = load(model_path)
        self.eos_token_id = load_eos(model_path)

    def execute(self, prompts, max_new_tokens=128, temperature=0.0):
        encoded = [self.tokenizer.encode(prompt) for prompt in prompts]
        new = generate_batch(self.model, encoded, max_new_tokens, self.eos_token_id)
        texts = []
        for before, after in zip(encoded, new, strict=True):
            texts.append(self.tokenizer.decode([*before, *after], skip_special_tokens=True))
        return texts


def cache_utilization(prompt_lens, new_lens):
    width = max(prompt_lens) + max(new_lens)
    rows = [(p + n) / width for p, n in zip(prompt_lens, new_lens, strict=True)]
    return sum(rows) / len(rows)


def attend(q, k, v, mask, backend="eager"):
    def sdpa():
        return nn.functional.scaled_dot_product_attention(q, k, v, mask, enable_gqa=q.shape[1] != k.shape[1])

    backends = {"eager": lambda: eager(q, k, v, mask), "sdpa": sdpa}
    if backend not in backends:
        raise ValueError(f"choose one of {list(backends)}")
    return backends[backend]()
