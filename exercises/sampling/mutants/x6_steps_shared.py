"""Share the steps between all samplers.

en: All your samplers share one list of steps (a class attribute). Each instance needs a list of its own,
    made in __init__.
zh: 你的所有 Sampler 共用同一个步骤列表（类属性）。每个实例应在 __init__ 中创建自己的列表。
caught by: test_sampler_conflicts
"""

NAMES = set()
SHARED = []


class Sampler:
    def __init__(self):
        self.names = NAMES
        self.steps = SHARED
