"""Zero the keys only.

en: reset zeroes k, but not v.
zh: reset 只清零了 k，没有清零 v。
caught by: test_reuse
"""


class StaticCache:
    def reset(self):
        self.k.zero_()
