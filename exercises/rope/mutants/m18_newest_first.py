"""Put new tokens in front of the old ones.

en: Your caches return the newest tokens first; the causal mask needs the oldest first.
zh: 你的缓存把最新的 token 放在最前面；因果掩码要求最早的在前。
caught by: test_cache_contract, test_chunks
"""


def append(store, layer, new, dim=2):
    store[layer] = torch.cat((new, store[layer]), dim) if layer in store else new
    return store[layer]
