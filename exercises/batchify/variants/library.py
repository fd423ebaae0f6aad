"""transformers' own batched generation behind the exercise's interface: tests accept what the field accepts.

policy: off
"""

import torch
from torch import nn
from transformers import AutoTokenizer, GenerationConfig
from transformers.masking_utils import and_masks, causal_mask_function, padding_mask_function

from exercises.llamascratch.solution import KVCache, Llama, attention, load


def pad_batch(token_lists, pad_token_id):
    if not all(token_lists):
        raise ValueError("an empty prompt")

    def pad(rows, value):
        return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value, padding_side="left")

    rows = [torch.tensor(row) for row in token_lists]
    return pad(rows, pad_token_id), pad([torch.ones_like(row) for row in rows], 0)


def make_position_ids(attention_mask):
    return (attention_mask.cumsum(-1) - 1).masked_fill(attention_mask == 0, 0)  # as in generate


def make_mask(attention_mask, num_new):
    B, T = attention_mask.shape
    sees = and_masks(causal_mask_function, padding_mask_function(attention_mask.bool()))
    row, head, column = torch.arange(B).view(-1, 1, 1, 1), torch.tensor([0]), torch.arange(T)
    return sees(row, head, column[T - num_new :, None], column)  # [B, 1, num_new, T]


def generate_batch(model, token_lists, max_new_tokens, eos_token_id=None, pad_token_id=0):
    if not token_lists or not max_new_tokens:
        return [[] for _ in token_lists]
    ids, mask = pad_batch(token_lists, pad_token_id)
    run = generate_by_library if isinstance(model, Llama) else generate_by_calls
    new = run(model, ids, mask, max_new_tokens, eos_token_id).tolist()
    return [row[: row.index(eos_token_id) + 1] if eos_token_id in row else row for row in new]


def generate_by_library(model, ids, mask, max_new_tokens, eos_token_id):
    library = model.library
    library.generation_config = GenerationConfig()  # whose EOS would stand in where none is given
    settings = GenerationConfig(
        max_new_tokens=max_new_tokens, eos_token_id=eos_token_id, pad_token_id=eos_token_id
    )
    where = library.device
    return library.generate(ids.to(where), settings, attention_mask=mask.to(where))[:, ids.shape[1] :]


@torch.no_grad()
def generate_by_calls(model, ids, mask, max_new_tokens, eos_token_id):
    """Generate with a stand-in: the library's generation wants a model of its own."""
    cache, new, feed = KVCache(), ids[:, :0], ids
    while new.shape[1] < max_new_tokens and not all(eos_token_id in row for row in new.tolist()):
        position_ids = make_position_ids(mask)[:, -feed.shape[1] :]
        logits = model(feed, attention_mask=mask, position_ids=position_ids, cache=cache)
        feed = logits[:, -1:].argmax(-1)
        new = torch.cat((new, feed), dim=1)
        mask = torch.cat((mask, torch.ones_like(feed)), dim=1)
    return new


class Engine:
    def __init__(self, model_path):
        self.model = load(model_path)
        self.tokenizer = AutoTokenizer.from_pretrained(model_path)
        self.eos_token_id = self.model.library.generation_config.eos_token_id

    def execute(self, prompts, max_new_tokens=128, temperature=0.0):
        ids = [self.tokenizer(prompt).input_ids for prompt in prompts]
        new = generate_batch(self.model, ids, max_new_tokens, self.eos_token_id)
        rows = [a + b for a, b in zip(ids, new, strict=True)]
        return [self.tokenizer.decode(row, skip_special_tokens=True) for row in rows]


def cache_utilization(prompt_lens, new_lens):
    held = torch.tensor(prompt_lens).sum() + torch.tensor(new_lens).sum()
    return held.item() / (len(prompt_lens) * (max(prompt_lens) + max(new_lens)))


def attend(q, k, v, mask, backend="eager"):
    backends = {"eager": attention, "sdpa": fused}
    if backend not in backends:
        raise ValueError(f"unknown backend {backend!r}")
    return backends[backend](q, k, v, mask)


def fused(q, k, v, mask):
    return nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)
