"""Keep keys and values in one store that no new cache empties.

en: Two caches share their content. Keys and values must live in the KVCache object, not in a class, module
    or global.
zh: 两个缓存对象共享了内容。key 和 value 必须存放在各自的 KVCache 对象里，不能放在类、模块或全局变量上。
caught by: test_cache_isolated, test_cache_chunks
"""

KEYS = {}
VALUES = {}


class KVCache:
    def __init__(self):
        self.keys, self.values = KEYS, VALUES
