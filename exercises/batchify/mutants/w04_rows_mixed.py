"""Let rows see each other: subtract the mean logits over the batch.

en: Something is averaged over the batch, so that a row depends on what stands beside it.
zh: 有某个量在整个批上取了平均，于是一行的结果依赖于旁边的行。
caught by: test_padded_logits, test_rows_are_independent
"""

from exercises.llamascratch.solution import Llama as Upstream


class Llama(Upstream):
    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        logits = super().forward(input_ids, attention_mask, position_ids, cache)
        return logits - 0.1 * logits[:, -1:].mean(0)
