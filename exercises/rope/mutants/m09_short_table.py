"""Look angles up in a table of max_position_embeddings rows.

en: Your table of angles ends at max_position_embeddings; any position from 0 on has to work.
zh: 你的角度表只到 max_position_embeddings 为止；任何非负位置都应可用。
caught by: test_rope_values
"""


class Rope:
    def __init__(self, config):
        self.table = torch.arange(config.max_position_embeddings)[:, None] * rope_inv_freq(config)

    def __call__(self, x, position_ids):
        angle = self.table.to(x.device)[position_ids][:, None]
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        a, b = x.chunk(2, dim=-1)
        return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)
