"""Rotate queries with a Rope of the config, keys with the given one.

en: Your queries are not rotated by the model's rope: queries and keys need the same one, the one that was
    given.
zh: 你的 query 没有用模型的 rope 旋转：query 与 key 必须使用同一个、即传入的那个 rope。
caught by: test_foreign_rope
"""


class Llama:
    def __init__(self, config, rope=None):
        super().__init__()
        self.config = config
        self.rope = Rope(config) if rope is None else rope
        self.model = Decoder(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        for block in self.model.layers:
            block.self_attn.rope = Rope(config)


class Attention:
    def forward(self, x, step):
        B, S, _ = x.shape
        q, k, v = (
            project(x).view(B, S, -1, self.head_dim).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        q = self.rope(q, step.query_positions)
        k, v = step.cache.update(self.layer, k, v, step.position_ids, step.rope)
        out = attention(q, k, v, visible(S, k.shape[2], step.attention_mask, x.device))
        return self.o_proj(out.transpose(1, 2).flatten(2))
