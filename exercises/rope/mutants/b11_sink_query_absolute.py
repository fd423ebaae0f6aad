"""Place only the queries at absolute positions.

en: Queries stand at their positions in the text while the kept keys are counted from 0: both need places
    in the cache.
zh: query 用的是全文中的位置，而保留的 key 从 0 开始计数：两者都应使用缓存中的次序。
caught by: test_sink_kept, test_sink_stream
"""


class SinkCache:
    def query_positions(self, position_ids):
        return position_ids
