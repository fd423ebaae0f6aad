"""Mix up prefill and decode.

en: prefill is the time up to the first new token, decode the time after it; yours are swapped.
zh: prefill 是到第一个新 token 为止的时间，decode 是其后的时间；你把两者弄反了。
caught by: test_engine_stats
"""


class Engine:
    def last_stats(self):
        return {"prefill_seconds": self.decode_seconds, "decode_seconds": self.prefill_seconds}
