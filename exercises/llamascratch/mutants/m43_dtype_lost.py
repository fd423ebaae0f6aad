"""Load everything as float32.

en: load without a dtype must keep that of the checkpoint; yours makes everything float32.
zh: load 在未指定 dtype 时应保持权重文件自身的 dtype；而你把它们都转成了 float32。
caught by: test_checkpoints
"""


def load(path, dtype=None, device="cpu"):
    config = AutoConfig.from_pretrained(path)
    weights = {}
    for file in sorted(Path(path).iterdir()):
        if file.suffix == ".safetensors":
            weights |= load_file(file)
    if config.tie_word_embeddings:
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    model = Llama(config)
    model.load_state_dict({name: w.to(dtype or torch.float32) for name, w in weights.items()}, assign=True)
    return model.to(device).eval()
