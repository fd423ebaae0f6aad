"""Continue the first prompt only.

en: execute continues the first prompt only. Give all prompts to generate_batch.
zh: execute 只续写了第一个提示。应把所有提示都交给 generate_batch。
caught by: test_engine
"""


class Engine:
    def execute(self, prompts, max_new_tokens=128, temperature=0.0):
        ids = [self.tokenizer(prompt)["input_ids"] for prompt in prompts[:1]]
        new = generate_batch(self.model, ids, max_new_tokens, self.eos_token_id)
        rows = [prompt + continuation for prompt, continuation in zip(ids, new, strict=True)]
        return [self.tokenizer.decode(row, skip_special_tokens=True) for row in rows]
