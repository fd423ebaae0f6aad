"""Encode without the special tokens that the tokenizer adds.

en: Encode with the tokenizer's defaults: it puts <s> in front, which the model expects.
zh: 请用 tokenizer 的默认设置编码：它会在最前面加上 <s>，模型需要它。
caught by: test_engine
"""


class Engine:
    def execute(self, prompts, max_new_tokens=128, temperature=0.0):
        ids = [self.tokenizer(prompt, add_special_tokens=False)["input_ids"] for prompt in prompts]
        new = generate_batch(self.model, ids, max_new_tokens, self.eos_token_id)
        rows = [prompt + continuation for prompt, continuation in zip(ids, new, strict=True)]
        return [self.tokenizer.decode(row, skip_special_tokens=True) for row in rows]
