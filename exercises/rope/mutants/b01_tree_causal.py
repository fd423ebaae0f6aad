"""Combine a four-dimensional mask with the causal one.

en: You combine the given [B, 1, S, T] mask with the causal one. It takes its place: a parent may come
    after its child.
zh: 你把传入的 [B, 1, S, T] 掩码与因果掩码合并了。它应当取代因果掩码：父节点可以排在子节点之后。
caught by: test_tree_positions
"""


def visible(S, T, attention_mask, device):
    mask = torch.ones(S, T, dtype=torch.bool, device=device).tril(T - S)[None, None]
    if attention_mask is not None and attention_mask.dim() == 4:
        return mask & attention_mask
    return mask if attention_mask is None else mask & attention_mask[:, None, None].bool()
