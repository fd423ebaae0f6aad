"""The published solution of batchify: build the next exercises on it if yours has holes."""

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AutoConfig, AutoTokenizer, GenerationConfig

from exercises.llamascratch.solution import KVCache, Llama, attention, load

BACKENDS = ("eager", "sdpa")


def pad_batch(token_lists: list[list[int]], pad_token_id: int) -> tuple[Tensor, Tensor]:
    """Return ids and attention mask int64 [B, S], padded on the left. Raises ValueError for an empty row."""
    lengths = torch.tensor([len(tokens) for tokens in token_lists])
    if bool((lengths == 0).any()):
        raise ValueError("every row needs at least one token")
    S = int(lengths.max())
    mask = (torch.arange(S) >= S - lengths[:, None]).long()  # [B, S]
    ids = torch.full_like(mask, pad_token_id)
    ids[mask.bool()] = torch.tensor([token for tokens in token_lists for token in tokens])
    return ids, mask


def make_position_ids(attention_mask: Tensor) -> Tensor:
    """Return positions [B, T]: each row's real tokens count from 0, padding gets 0."""
    position_ids = attention_mask.cumsum(dim=-1) - 1
    position_ids[attention_mask == 0] = 0
    return position_ids


def make_mask(attention_mask: Tensor, num_new: int) -> Tensor:
    """Return bool [B, 1, num_new, T]: query i sees real keys j <= T - num_new + i."""
    T = attention_mask.shape[1]
    key = torch.arange(T, device=attention_mask.device)
    query = torch.arange(T - num_new, T, device=attention_mask.device)
    causal = key[None, :] <= query[:, None]  # [S, T]
    return causal[None, None] & attention_mask.bool()[:, None, None]


def generate_batch(
    model: Llama,
    token_lists: list[list[int]],
    max_new_tokens: int,
    eos_token_id: int | None = None,
    pad_token_id: int = 0,
) -> list[list[int]]:
    """Continue all prompts greedily in one batch; return each one's new tokens, EOS included."""
    new: list[list[int]] = [[] for _ in token_lists]
    if not token_lists:
        return new
    ids, mask = pad_batch(token_lists, pad_token_id)
    position_ids, cache, open_rows = make_position_ids(mask), KVCache(), set(range(len(new)))
    for _ in range(max_new_tokens):
        with torch.no_grad():
            last = model(ids, attention_mask=mask, position_ids=position_ids, cache=cache)[:, -1]
        ids = last.argmax(dim=-1)[:, None]  # [B, 1]
        for i in list(open_rows):
            new[i].append(int(ids[i]))
            if new[i][-1] == eos_token_id:
                open_rows.remove(i)
        if not open_rows:
            break
        mask = torch.cat((mask, torch.ones_like(ids)), dim=1)
        position_ids = make_position_ids(mask)[:, -1:]
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
        self.tokenizer = AutoTokenizer.from_pretrained(model_path)
        self.model = load(model_path)
        self.eos_token_id = load_eos(model_path)

    def execute(self, prompts: list[str], max_new_tokens: int = 128, temperature: float = 0.0) -> list[str]:
        """Return every prompt with its greedy continuation, without special tokens."""
        if temperature > 0:
            raise ValueError("this engine is greedy")
        rows: list[list[int]] = [self.tokenizer.encode(prompt) for prompt in prompts]
        for row, new in zip(
            rows, generate_batch(self.model, rows, max_new_tokens, self.eos_token_id), strict=True
        ):
            row.extend(new)
        return [self.tokenizer.decode(row, skip_special_tokens=True) for row in rows]


def cache_utilization(prompt_lens: list[int], new_lens: list[int]) -> float:
    """Return used / allocated slots of a batch's cache."""
    width = max(prompt_lens) + max(new_lens)
    return sum(map(sum, (prompt_lens, new_lens))) / (width * len(prompt_lens))


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, backend: str = "eager") -> Tensor:
    """Attend with llamascratch's attention or with torch's fused kernel; [B, H, S, D]."""
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {BACKENDS}")
    if backend == "sdpa":
        return scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)
    return attention(q, k, v, mask)
