"""Hide the first column in every row.

en: The first column of the batch is hidden from all rows, also where it is no padding.
zh: 批的第一列对所有行都不可见，即使它并不是填充。
caught by: test_padded_logits, test_rows_are_independent
"""

from exercises.llamascratch.solution import Llama as Upstream


class Llama(Upstream):
    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        if attention_mask is not None:
            attention_mask = torch.nn.functional.pad(attention_mask[:, 1:], (1, 0))
        return super().forward(input_ids, attention_mask, position_ids, cache)
