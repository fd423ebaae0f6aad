"""Return the logits of the last column in a padded bucket.

en: prefill_bucket returns the logits of the last column, which is padding; due are those of token length
    - 1.
zh: prefill_bucket 返回了最后一列（填充）的 logits；应返回第 length - 1 个 token 的。
caught by: test_bucketed_prefill
"""


@torch.no_grad()
def prefill_bucket(model, input_ids, length, cache):
    cache.padding.zero_()
    return model(input_ids, cache=Prompt(cache))[:, -1]
