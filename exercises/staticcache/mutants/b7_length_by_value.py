"""Read the length of a padded prompt as a Python number.

en: prefill_bucket asks for the value of `length` to slice: pick the row with index_select, which takes a
    tensor.
zh: prefill_bucket 为了切片读取了 length 的值：请用可直接接收张量的 index_select 取出那一行。
caught by: test_bucketed_prefill
"""


@torch.no_grad()
def prefill_bucket(model, input_ids, length, cache):
    cache.padding.zero_()
    n = int(length)
    return model(input_ids[:, :n], cache=Prompt(cache))[:, -1]
