"""Place queries at 0 ... S - 1 in every chunk.

en: query_positions of PostRopeCache starts at 0 in every chunk; the queries stand at position_ids.
zh: PostRopeCache 的 query_positions 每一段都从 0 开始；query 的位置就是 position_ids。
caught by: test_cache_contract, test_chunks
"""


class PostRopeCache:
    def query_positions(self, position_ids):
        return torch.arange(position_ids.shape[1], device=position_ids.device).expand_as(position_ids)
