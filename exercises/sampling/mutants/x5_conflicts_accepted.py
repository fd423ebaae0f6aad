"""Accept conflicting steps.

en: Your Sampler accepts steps that contradict each other. The same name twice, an unknown name, and greedy
    beside another named step raise ValueError.
zh: 你的 Sampler 接受了互相矛盾的步骤。重复的名字、未知的名字、greedy 与其他具名步骤同用，
    都应抛出 ValueError。
caught by: test_sampler_conflicts
"""


class Sampler:
    def add(self, step, value=0.0):
        if isinstance(step, str):
            self.names.add(step)
            self.steps.append(lambda logits: STEPS[step](logits, value))
        else:
            self.steps.append(step)
        return self
