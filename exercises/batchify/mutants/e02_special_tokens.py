"""Leave special tokens in the text.

en: Special tokens stay in your texts: decode with skip_special_tokens=True.
zh: 你的文本里还留着特殊 token：解码时要用 skip_special_tokens=True。
caught by: test_engine
"""


class Engine:
    def execute(self, prompts, max_new_tokens=128, temperature=0.0):
        ids = [self.tokenizer(prompt)["input_ids"] for prompt in prompts]
        new = generate_batch(self.model, ids, max_new_tokens, self.eos_token_id)
        rows = [prompt + continuation for prompt, continuation in zip(ids, new, strict=True)]
        return [self.tokenizer.decode(row) for row in rows]
