"""Breaks no rule that can be read off the source: it hangs, floods and lies when it is called."""

import torch
from torch import nn


class Liar:
    def __eq__(self, other):
        return True

    def __len__(self):
        return 10**9

    def __repr__(self):
        while True:
            pass


class RMSNorm(nn.Module):
    def __init__(self, hidden_size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(hidden_size))

    def forward(self, x):
        return torch.full_like(x, float("nan"))  # NaN == NaN, with luck


def rope_inv_freq(config):
    print("PASSED " * 10**6)


def apply_rope(x, position_ids, inv_freq):
    return Liar()


def attention(q, k, v, mask):
    raise SystemExit(0)


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x):
        while True:  # hoping that a time limit counts as a pass
            x = x + 1


class KVCache:
    def __len__(self):
        return -1

    def update(self, layer, k, v):
        return [k] * 10**8, v


class Llama(RMSNorm):
    def __init__(self, config):
        raise StopIteration("100 %")


def generate(model, input_ids, max_new_tokens, eos_token_id=None):
    return input_ids.to("meta")


class Engine:
    def __init__(self, model_path):
        self.execute = None
