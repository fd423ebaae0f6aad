"""Ignore a four-dimensional mask.

en: A mask of shape [B, 1, S, T] changes nothing: branches of a tree see each other.
zh: 形状为 [B, 1, S, T] 的掩码没有起作用：树的各个分支互相看到了对方。
caught by: test_tree_positions
"""


def visible(S, T, attention_mask, device):
    mask = torch.ones(S, T, dtype=torch.bool, device=device).tril(T - S)[None, None]
    if attention_mask is None or attention_mask.dim() == 4:
        return mask
    return mask & attention_mask[:, None, None].bool()
