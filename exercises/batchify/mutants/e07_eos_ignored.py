"""Do not tell generate_batch the EOS.

en: Engine generates without an EOS: texts go on where they should end.
zh: Engine 生成时没有传入结束符：文本在应当结束处没有停下。
caught by: test_engine
"""


class Engine:
    def execute(self, prompts, max_new_tokens=128, temperature=0.0):
        ids = [self.tokenizer(prompt)["input_ids"] for prompt in prompts]
        new = generate_batch(self.model, ids, max_new_tokens)
        rows = [prompt + continuation for prompt, continuation in zip(ids, new, strict=True)]
        return [self.tokenizer.decode(row, skip_special_tokens=True) for row in rows]
