"""Forget the times of all prompts but the last.

en: The times of all prompts of an execute add up; yours are those of the last prompt.
zh: 一次 execute 中所有提示的时间应累加；你只给出了最后一个提示的时间。
caught by: test_engine_stats
"""


class Engine:
    def _complete(self, prompt, max_new_tokens):
        ids = self.tokenizer(prompt)["input_ids"]
        marks = [time.perf_counter()]
        for token in greedy_tokens(self.model, (torch.tensor([ids]),), max_new_tokens, self.eos_token_id):
            ids.append(int(token))
            marks.append(time.perf_counter())
        first = marks[:2][-1]
        self.prefill_seconds = first - marks[0]
        self.decode_seconds = marks[-1] - first
        return self.tokenizer.decode(ids, skip_special_tokens=True)
