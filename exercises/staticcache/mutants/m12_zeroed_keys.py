"""Multiply hidden keys and values by zero instead of masking them.

en: Hidden keys are set to zero, not hidden: a zero key has the score 0, not minus infinity, and takes its
    share of the softmax.
zh: 被屏蔽的 key 只是被乘成了零：零 key 的分数是 0 而不是负无穷，仍会在 softmax 中分到权重。
caught by: test_decode_logits, test_poisoned_slots
"""


class Step:
    def update(self, layer, k, v):
        keys, values = self.cache.k[layer], self.cache.v[layer]
        keys.index_copy_(2, self.position, k)
        values.index_copy_(2, self.position, v)
        visible = (torch.arange(keys.shape[2], device=k.device) <= self.position)[:, None]
        return keys * visible, values * visible


@torch.no_grad()
def decode_step(model, input_ids, position, cache):
    visible = torch.ones(len(input_ids), cache.k.shape[3], dtype=torch.int64, device=input_ids.device)
    return model(input_ids, visible, position - cache.padding[:, None], Step(cache, position))[:, -1]
