"""Keep keys and values in globals.

en: Two PostRopeCache objects share their content. Everything stored belongs to the object, not to a class
    or a global.
zh: 两个 PostRopeCache 对象共享了内容。存储的一切都应属于对象，而不是类或全局变量。
caught by: test_cache_contract, test_chunks
"""

KEYS = {}
VALUES = {}


class PostRopeCache:
    def __init__(self):
        self.keys, self.values = KEYS, VALUES
