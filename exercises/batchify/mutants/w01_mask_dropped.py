"""Wrap Llama so that attention_mask gets lost.

en: Your Llama takes an attention_mask and does not use it.
zh: 你的 Llama 接收了 attention_mask，却没有使用它。
caught by: test_padded_logits, test_rows_are_independent, test_row_of_padding, test_own_model,
    test_low_precision
"""

from exercises.llamascratch.solution import Llama as Upstream


class Llama(Upstream):
    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        return super().forward(input_ids, position_ids=position_ids, cache=cache)
