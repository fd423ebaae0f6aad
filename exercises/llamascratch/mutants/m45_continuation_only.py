"""Return the continuation without the prompt.

en: execute must return the prompt followed by its continuation; yours returns the continuation alone.
zh: execute 应返回“提示 + 续写”；你只返回了续写部分。
caught by: test_engine
"""


class Engine:
    def _complete(self, prompt, max_new_tokens):
        ids = self.tokenizer(prompt)["input_ids"]
        start = len(ids)
        marks = [time.perf_counter()]
        for token in greedy_tokens(self.model, (torch.tensor([ids]),), max_new_tokens, self.eos_token_id):
            ids.append(int(token))
            marks.append(time.perf_counter())
        first = marks[:2][-1]
        self.prefill_seconds += first - marks[0]
        self.decode_seconds += marks[-1] - first
        return self.tokenizer.decode(ids[start:], skip_special_tokens=True)
