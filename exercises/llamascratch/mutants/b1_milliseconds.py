"""Report milliseconds.

en: last_stats tells seconds; yours are a thousand times too large.
zh: last_stats 的单位是秒；你的数值大了一千倍。
caught by: test_engine_stats
"""


class Engine:
    def last_stats(self):
        return {"prefill_seconds": self.prefill_seconds * 1e3, "decode_seconds": self.decode_seconds * 1e3}
