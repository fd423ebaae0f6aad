"""Count the sinks as part of the window.

en: You count the sinks as part of window_length, as some libraries do. Here the window comes on top of
    the sinks.
zh: 你像某些库那样把 sink 算进了 window_length。这里的窗口是在 sink 之外另算的。
caught by: test_sink_kept, test_sink_stream
"""


class SinkCache:
    def __init__(self, num_sink_tokens, window_length):
        self.sinks, self.window = num_sink_tokens, window_length - num_sink_tokens
        self.keys, self.values, self.seen = {}, {}, {}
