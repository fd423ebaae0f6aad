"""Everything allocated once: ids and mask of the full width [B, S + n] are filled column by column, rows are
cut at their first EOS when all is over, positions are counted up, not derived from the mask."""

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AutoConfig, AutoTokenizer, GenerationConfig

from exercises.llamascratch import solution as llama
from exercises.llamascratch.solution import KVCache, Llama  # noqa: F401


def pad_batch(token_lists, pad_token_id):
    lengths = [len(tokens) for tokens in token_lists]
    if 0 in lengths:
        raise ValueError("empty prompt")
    ids = torch.full((len(lengths), max(lengths)), pad_token_id, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for i, tokens in enumerate(token_lists):
        ids[i, -len(tokens) :] = torch.tensor(tokens)
        mask[i, -len(tokens) :] = 1
    return ids, mask


def make_position_ids(attention_mask):
    return attention_mask.cumsum(dim=1).sub(1).masked_fill(attention_mask == 0, 0)


def make_mask(attention_mask, num_new):
    keys = torch.arange(attention_mask.shape[1], device=attention_mask.device)  # [T]
    queries = keys[len(keys) - num_new :]  # [S]
    return (keys <= queries[:, None])[None, None] & (attention_mask == 1)[:, None, None]


@torch.inference_mode()
def generate_batch(model, token_lists, max_new_tokens, eos_token_id=None, pad_token_id=0):
    if len(token_lists) == 0:
        return []
    prompt, real = pad_batch(token_lists, pad_token_id)
    B, S = prompt.shape
    ids = torch.cat((prompt, prompt.new_full((B, max_new_tokens), pad_token_id)), dim=1)
    mask = torch.cat((real, real.new_ones(B, max_new_tokens)), dim=1)
    position_ids, lengths = make_position_ids(real), real.sum(1, keepdim=True)
    cache, ended = KVCache(), torch.zeros(B, dtype=torch.bool)
    start, end = 0, S
    while end < S + max_new_tokens and not ended.all():
        logits = model(ids[:, start:end], mask[:, :end], position_ids, cache)
        ids[:, end] = logits[:, -1].argmax(dim=-1)
        if eos_token_id is not None:
            ended |= ids[:, end] == eos_token_id
        position_ids = lengths + (end - S)
        start, end = end, end + 1
    return [cut(row, eos_token_id) for row in ids[:, S:end].tolist()]


def cut(tokens, eos_token_id):
    return tokens[: tokens.index(eos_token_id) + 1] if eos_token_id in tokens else tokens


def load_eos(path):
    try:
        return GenerationConfig.from_pretrained(path).eos_token_id
    except OSError:
        return AutoConfig.from_pretrained(path).eos_token_id


class Engine:
    def __init__(self, model_path):
        self.model, self.eos = llama.load(model_path), load_eos(model_path)
        self.tokenizer = AutoTokenizer.from_pretrained(model_path)

    def execute(self, prompts, max_new_tokens=128, temperature=0.0):
        ids = self.tokenizer(prompts).input_ids if prompts else []
        new = generate_batch(self.model, ids, max_new_tokens, self.eos)
        return [self.tokenizer.decode(a + b, skip_special_tokens=True) for a, b in zip(ids, new, strict=True)]


def cache_utilization(prompt_lens, new_lens):
    used = sum(p + n for p, n in zip(prompt_lens, new_lens, strict=True))
    return used / (max(prompt_lens) + max(new_lens)) / len(prompt_lens)


def attend(q, k, v, mask, backend="eager"):
    if backend not in ("eager", "sdpa"):
        raise ValueError(backend)
    if backend == "eager":
        return llama.attention(q, k, v, mask)
    groups = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    return scaled_dot_product_attention(q, k, v, mask)
