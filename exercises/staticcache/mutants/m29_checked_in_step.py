"""Compare the position with the number of slots inside the step.

en: decode_step checks `position` with an `if`. That asks for the value of a tensor, so the graph ends
    there; index_copy_ checks by itself, and generate can check before it starts.
zh: decode_step 用 if 检查 position。这会读取张量的值，计算图在那里就断开了；index_copy_
    自己会检查，generate 也可以在开始前检查。
caught by: test_one_graph, test_no_breaks
"""


@torch.no_grad()
def decode_step(model, input_ids, position, cache):
    if position >= cache.k.shape[3]:
        raise ValueError("no slot left")
    first = cache.padding[:, None]
    slots = torch.arange(cache.k.shape[3], device=input_ids.device)
    visible = (first <= slots) & (slots <= position)
    return model(input_ids, visible.long(), position - first, Step(cache, position))[:, -1]
