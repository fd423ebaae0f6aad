"""Return the continuations without the prompts.

en: execute returns prompt and continuation; the prompts are missing.
zh: execute 应返回提示加续写；你漏掉了提示。
caught by: test_engine
"""


class Engine:
    def execute(self, prompts, max_new_tokens=128, temperature=0.0):
        ids = [self.tokenizer(prompt)["input_ids"] for prompt in prompts]
        new = generate_batch(self.model, ids, max_new_tokens, self.eos_token_id)
        rows = [continuation for _, continuation in zip(ids, new, strict=True)]
        return [self.tokenizer.decode(row, skip_special_tokens=True) for row in rows]
