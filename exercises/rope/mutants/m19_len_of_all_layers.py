"""Count the tokens of all layers together.

en: len(cache) of PostRopeCache grows once per layer. Count each token once.
zh: PostRopeCache 的 len(cache) 每层都增长一次。每个 token 只应计一次。
caught by: test_cache_contract, test_chunks
"""


class PostRopeCache:
    def __len__(self):
        return sum(k.shape[2] for k in self.keys.values())
