"""Take EOS from config.json although generation_config.json says otherwise.

en: generation_config.json names the token that ends a text; config.json is only the fallback. The given
    load_eos does that.
zh: 结束符以 generation_config.json 为准；config.json 只在前者缺失时使用。给出的 load_eos 就是这样做的。
caught by: test_engine
"""


class Engine:
    def execute(self, prompts, max_new_tokens=128, temperature=0.0):
        ids = [self.tokenizer(prompt)["input_ids"] for prompt in prompts]
        new = generate_batch(self.model, ids, max_new_tokens, self.model.config.eos_token_id)
        rows = [prompt + continuation for prompt, continuation in zip(ids, new, strict=True)]
        return [self.tokenizer.decode(row, skip_special_tokens=True) for row in rows]
