"""Ask for the value of the position once per step.

en: decode_step asks for the value of `position` (.item()). torch.compile has to leave the graph for it,
    on a GPU everything waits: compare and add with the tensor itself.
zh: decode_step 读取了 position 的值（.item()）。为此 torch.compile 必须离开计算图，在 GPU
    上还要等待同步：请直接用张量做比较和加法。
caught by: test_no_breaks
"""


@torch.no_grad()
def decode_step(model, input_ids, position, cache):
    first, p = cache.padding[:, None], position.item()
    slots = torch.arange(cache.k.shape[3], device=input_ids.device)
    visible = (first <= slots) & (slots <= p)
    return model(input_ids, visible.long(), p - first, Step(cache, position))[:, -1]
