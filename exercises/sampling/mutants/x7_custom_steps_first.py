"""Run custom steps before the named ones.

en: Custom functions run before the named steps. Every step runs at the place where it was added.
zh: 自定义函数被放到了具名步骤之前执行。每个步骤应在它被添加的位置执行。
caught by: test_sampler_custom_step
"""


class Sampler:
    def add(self, step, value=0.0):
        if isinstance(step, str):
            clash = step in self.names or ("greedy" in self.names | {step} and self.names)
            if step not in STEPS or clash:
                raise ValueError(step)
            self.names.add(step)
            self.steps.append(lambda logits: STEPS[step](logits, value))
        else:
            self.steps.insert(0, step)
        return self
