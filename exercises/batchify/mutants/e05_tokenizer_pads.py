"""Let the tokenizer pad, and take its padding for tokens of the prompt.

en: The tokenizer pads your prompts, and the padding then counts as part of them. Encode without padding;
    pad_batch does the rest.
zh: tokenizer 已经填充了提示，这些填充随后被当成提示的一部分。编码时不要填充，交给 pad_batch。
caught by: test_engine
"""


class Engine:
    def execute(self, prompts, max_new_tokens=128, temperature=0.0):
        self.tokenizer.pad_token = self.tokenizer.eos_token
        ids = self.tokenizer(prompts, padding=True)["input_ids"] if prompts else []
        new = generate_batch(self.model, ids, max_new_tokens, self.eos_token_id)
        rows = [prompt + continuation for prompt, continuation in zip(ids, new, strict=True)]
        return [self.tokenizer.decode(row, skip_special_tokens=True) for row in rows]
