"""Run the steps in a fixed order.

en: Your Sampler runs its steps in an order of its own. They run in the order in which they were added.
zh: 你的 Sampler 按自己固定的顺序执行各步骤。应按添加的先后顺序执行。
caught by: test_sampler_order
"""


class Sampler:
    def add(self, step, value=0.0):
        if isinstance(step, str):
            clash = step in self.names or ("greedy" in self.names | {step} and self.names)
            if step not in STEPS or clash:
                raise ValueError(step)
            self.names.add(step)
            self.steps.append((list(STEPS).index(step), lambda logits: STEPS[step](logits, value)))
        else:
            self.steps.append((1, step))
        return self

    def __call__(self, logits, generator=None):
        logits = logits.float()
        for _, step in sorted(self.steps, key=lambda pair: pair[0]):
            logits = step(logits)
        return draw(logits, generator)
