"""Rotate the values, too.

en: You rotate the values as well. Only queries and keys carry positions; values stay as they are.
zh: 你把 value 也旋转了。只有 query 和 key 携带位置信息，value 应保持原样。
caught by: test_logits
"""


class Attention:
    def forward(self, x, position_ids, inv_freq, mask, cache):
        q = apply_rope(self.split_heads(self.q_proj(x)), position_ids, inv_freq)
        k = apply_rope(self.split_heads(self.k_proj(x)), position_ids, inv_freq)
        v = apply_rope(self.split_heads(self.v_proj(x)), position_ids, inv_freq)
        if cache is not None:
            k, v = cache.update(self.layer, k, v)
        out = attention(q, k, v, mask).transpose(1, 2).flatten(2)
        return self.o_proj(out)
