"""Print in the decode step.

en: decode_step prints. torch.compile has to leave the graph for it, and refuses with fullgraph=True.
zh: decode_step 里有 print。为此 torch.compile 必须离开计算图；在 fullgraph=True 时会直接拒绝。
caught by: test_one_graph, test_silent
"""


@torch.no_grad()
def decode_step(model, input_ids, position, cache):
    first = cache.padding[:, None]
    slots = torch.arange(cache.k.shape[3], device=input_ids.device)
    visible = (first <= slots) & (slots <= position)
    print("decoding", input_ids.shape)
    return model(input_ids, visible.long(), position - first, Step(cache, position))[:, -1]
