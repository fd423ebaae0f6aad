"""Read only the first weight file.

en: A large checkpoint is cut into several *.safetensors files. You read one of them and leave the other
    weights random.
zh: 大的权重会被切分成多个 *.safetensors 文件。你只读了其中一个，其余权重仍是随机值。
caught by: test_checkpoints
"""


def load(path, dtype=None, device="cpu"):
    config = AutoConfig.from_pretrained(path)
    weights = {}
    for file in sorted(Path(path).iterdir()):
        if file.suffix == ".safetensors":
            weights |= load_file(file)
            break
    if config.tie_word_embeddings:
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    model = Llama(config)
    model.load_state_dict({name: w.to(dtype or w.dtype) for name, w in weights.items()}, strict=False)
    model.to(dtype or weights.popitem()[1].dtype)
    return model.to(device).eval()
