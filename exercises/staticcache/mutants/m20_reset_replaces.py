"""Make new buffers in reset.

en: reset makes new buffers; the old ones must be zeroed where they lie (zero_).
zh: reset 新建了缓冲区；应把原来的缓冲区就地清零（zero_）。
caught by: test_buffers_stay
"""


class StaticCache:
    def reset(self):
        self.k, self.v = self.k.clone().zero_(), self.v.clone().zero_()
        self.padding.zero_()
