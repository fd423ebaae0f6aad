"""Use the positions of the first row for all rows.

en: All rows get the positions of the first one. Every row has padding of its own, hence positions of its
    own.
zh: 所有行都用了第一行的位置。每行的填充不同，位置也应各不相同。
caught by: test_position_ids, test_unequal_lengths, test_own_model, test_padded_logits, test_low_precision
"""


def make_position_ids(attention_mask):
    position_ids = (attention_mask.cumsum(-1) - 1) * attention_mask
    return position_ids[:1].expand_as(attention_mask)
