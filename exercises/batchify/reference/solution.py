"""Batches: many prompts of unequal length, one forward pass per step for all of them.

A batch is a rectangle, prompts are not. Short prompts are padded on the *left*, so that all rows end in
the same column and one step appends one column. A mask hides the padding, and position ids count real
tokens only. Shapes: B rows, S new tokens, T keys (past + S), H query heads, Hkv kv heads, D head size.
"""

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoTokenizer, GenerationConfig

from exercises.llamascratch.solution import KVCache, Llama, attention, load


def pad_batch(token_lists: list[list[int]], pad_token_id: int) -> tuple[Tensor, Tensor]:
    """Return ids and attention mask of a batch, both int64 [B, S], padded on the left to the longest row.

    The mask is made from lengths, never from `ids != pad_token_id`: the pad token may occur in a prompt.
    """
    if not all(token_lists):
        raise ValueError("a prompt without tokens has nothing to continue")
    S = max(map(len, token_lists))
    ids = [[pad_token_id] * (S - len(row)) + row for row in token_lists]
    mask = [[0] * (S - len(row)) + [1] * len(row) for row in token_lists]
    return torch.tensor(ids), torch.tensor(mask)


def make_position_ids(attention_mask: Tensor) -> Tensor:
    """Return positions [B, T]: the real tokens of a row count 0, 1, 2, ..., padding gets 0."""
    return (attention_mask.cumsum(-1) - 1) * attention_mask


def make_mask(attention_mask: Tensor, num_new: int) -> Tensor:
    """Return bool [B, 1, S, T], True = may attend, for the last S = num_new of T tokens.

    A query sees the keys up to itself that are no padding. A query that is padding may see nothing.
    """
    T = attention_mask.shape[1]
    causal = torch.ones(num_new, T, dtype=torch.bool, device=attention_mask.device).tril(T - num_new)
    return causal & attention_mask[:, None, None, :].bool()  # [S, T] & [B, 1, 1, T]


def is_done(new_tokens: list[int], eos_token_id: int | None) -> bool:
    """Say whether a row has ended."""
    return new_tokens[-1:] == [eos_token_id]


@torch.no_grad()
def generate_batch(
    model: Llama,
    token_lists: list[list[int]],
    max_new_tokens: int,
    eos_token_id: int | None = None,
    pad_token_id: int = 0,
) -> list[list[int]]:
    """Continue all prompts greedily, one forward pass per step; return the new tokens of each, EOS included.

    A row that is done stays in the batch, for the cache has its keys, but its tokens are no longer kept.
    """
    if not token_lists:
        return []
    feed, mask = pad_batch(token_lists, pad_token_id)  # [B, S] each
    cache, new = KVCache(), [[] for _ in token_lists]
    for _ in range(max_new_tokens):
        position_ids = make_position_ids(mask)[:, -feed.shape[1] :]  # of the tokens fed now
        logits = model(feed, attention_mask=mask, position_ids=position_ids, cache=cache)  # [B, S, V]
        feed = logits[:, -1].argmax(
            -1, keepdim=True
        )  # [B, 1]: left padding, so the last column is everyone's
        mask = nn.functional.pad(mask, (0, 1), value=1)  # [B, T + 1]: a new token is a real token
        for row, token in zip(new, feed[:, 0].tolist(), strict=True):
            if not is_done(row, eos_token_id):
                row.append(token)
        if all(is_done(row, eos_token_id) for row in new):
            break
    return new


def load_eos(path: str) -> int | None:
    """Return the id of the token that ends a text. Given complete in the starter."""
    try:
        eos: int | None = GenerationConfig.from_pretrained(path).eos_token_id
    except OSError:  # no generation_config.json
        eos = AutoConfig.from_pretrained(path).eos_token_id
    return eos


class Engine:
    """Text in, text out, all prompts in one batch."""

    def __init__(self, model_path: str) -> None:
        self.model = load(model_path)
        self.tokenizer = AutoTokenizer.from_pretrained(model_path)
        self.eos_token_id = load_eos(model_path)

    def execute(self, prompts: list[str], max_new_tokens: int = 128, temperature: float = 0.0) -> list[str]:
        """Return every prompt with its continuation, without special tokens."""
        if temperature != 0:
            raise ValueError("only greedy decoding here; drawing tokens is the exercise `sampling`")
        # Without the tokenizer's own padding: many tokenizers have no pad token, and pad on the right.
        ids = [self.tokenizer(prompt)["input_ids"] for prompt in prompts]
        new = generate_batch(self.model, ids, max_new_tokens, self.eos_token_id)
        rows = [prompt + continuation for prompt, continuation in zip(ids, new, strict=True)]
        return [self.tokenizer.decode(row, skip_special_tokens=True) for row in rows]


def cache_utilization(prompt_lens: list[int], new_lens: list[int]) -> float:
    """Return the share of a batch's B x T cache slots that hold a token some row needs.

    The longest prompt and the longest continuation decide how many columns all rows get.
    """
    allocated = len(prompt_lens) * (max(prompt_lens) + max(new_lens))
    return (sum(prompt_lens) + sum(new_lens)) / allocated


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, backend: str = "eager") -> Tensor:
    """Attend with our own attention ("eager") or with torch's fused one ("sdpa"): the same in less memory.

    q [B, H, S, D]; k, v [B, Hkv, T, D]; mask bool [B|1, 1, S, T] or None. Returns [B, H, S, D].
    """
    if backend == "eager":
        return attention(q, k, v, mask)
    if backend != "sdpa":
        raise ValueError(f"no backend {backend!r}; there are eager and sdpa")
    return nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)
