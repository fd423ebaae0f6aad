"""Round the rotation speeds to the dtype of the model.

en: In a half-precision model your rotation speeds are rounded to half precision, which turns far positions
    by whole radians. Keep them in float32: model.to(dtype) rounds buffers, too.
zh: 在半精度模型里你的旋转频率也被舍入成了半精度，远处位置的角度会错上好几个弧度。请始终用 float32
    保存；注意 model.to(dtype) 也会转换 buffer。
caught by: test_low_precision_logits
"""


class Decoder:
    def forward(self, input_ids, position_ids, mask, cache):
        inv_freq = rope_inv_freq(self.config).to(self.norm.weight)
        x = self.embed_tokens(input_ids)
        for block in self.layers:
            x = block(x, position_ids, inv_freq, mask, cache)
        return self.norm(x)
