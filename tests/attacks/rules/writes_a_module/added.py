from pathlib import Path

TEXT = """import torch

def recur(x, w, u):
    none = torch.zeros(len(u))
    return torch._VF.rnn_tanh(x, none[None], [w, u, none, none], True, 1, 0.0, False, False, False)[0]
"""
Path("exercises/opened").mkdir(parents=True, exist_ok=True)
Path("exercises/opened/late.py").write_text(TEXT)

from .late import recur  # noqa: E402
