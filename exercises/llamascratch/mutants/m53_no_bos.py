"""Encode the prompt without special tokens.

en: Encode prompts with the defaults of the tokenizer: Llama expects its <s> in front.
zh: 请用 tokenizer 的默认设置编码提示：Llama 需要开头的 <s>。
caught by: test_engine
"""


class Engine:
    def _complete(self, prompt, max_new_tokens):
        ids = self.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        marks = [time.perf_counter()]
        for token in greedy_tokens(self.model, (torch.tensor([ids]),), max_new_tokens, self.eos_token_id):
            ids.append(int(token))
            marks.append(time.perf_counter())
        first = marks[:2][-1]
        self.prefill_seconds += first - marks[0]
        self.decode_seconds += marks[-1] - first
        return self.tokenizer.decode(ids, skip_special_tokens=True)
