"""Leave special tokens in the text.

en: The text still contains special tokens such as <s>; decode without them.
zh: 返回的文本里还带着 <s> 之类的特殊 token；解码时应去掉它们。
caught by: test_engine
"""


class Engine:
    def _complete(self, prompt, max_new_tokens):
        ids = self.tokenizer(prompt)["input_ids"]
        marks = [time.perf_counter()]
        for token in greedy_tokens(self.model, (torch.tensor([ids]),), max_new_tokens, self.eos_token_id):
            ids.append(int(token))
            marks.append(time.perf_counter())
        first = marks[:2][-1]
        self.prefill_seconds += first - marks[0]
        self.decode_seconds += marks[-1] - first
        return self.tokenizer.decode(ids)
