"""Leave the output matrix of a tied model random.

en: With tie_word_embeddings the checkpoint has no lm_head.weight: it is the embedding matrix. Yours stays
    random.
zh: 当 tie_word_embeddings 为真时，权重文件里没有 lm_head.weight，它与 embedding 共用同一个矩阵。你的
    lm_head 仍是随机值。
caught by: test_checkpoints, test_logits
"""


def load(path, dtype=None, device="cpu"):
    config = AutoConfig.from_pretrained(path)
    weights = {}
    for file in sorted(Path(path).iterdir()):
        if file.suffix == ".safetensors":
            weights |= load_file(file)
    model = Llama(config)
    kept = {name: w.to(dtype or w.dtype) for name, w in weights.items()}
    model.to(next(iter(kept.values())).dtype).load_state_dict(kept, assign=True, strict=False)
    return model.to(device).eval()
