"""Forget only after a step, so that old tokens fill the window beside the new ones.

en: You show a full window of old tokens beside the new ones. The new tokens are part of the window.
zh: 你在新 token 之外还展示了一整个窗口的旧 token。新 token 也属于窗口。
caught by: test_sink_kept, test_sink_stream
"""


class SinkCache:
    def _room(self, S):
        return self.sinks + self.window
