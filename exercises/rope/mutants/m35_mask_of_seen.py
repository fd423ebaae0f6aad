"""Make the mask as wide as the number of tokens seen, and cut it to fit.

en: Your mask is made for all tokens that the cache has seen. Where it returns fewer keys, the mask has to
    be made for those: T is the number of keys that come back.
zh: 你的掩码按缓存见过的全部 token 构造。缓存返回的 key 较少时，掩码应按返回的个数 T 来构造。
caught by: test_forgetful_cache, test_sink_edges
"""


def attend(layer, q, k, v, step):
    q = step.rope(q, step.query_positions)
    k, v = step.cache.update(layer, k, v, step.position_ids, step.rope)
    return attention(q, k, v, step.attention_mask[..., : k.shape[2]])


class Llama:
    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        cache = PostRopeCache() if cache is None else cache
        if position_ids is None:
            past, S = len(cache), input_ids.shape[1]
            position_ids = torch.arange(past, past + S, device=input_ids.device).expand_as(input_ids)
        S = input_ids.shape[1]
        attention_mask = visible(S, len(cache) + S, attention_mask, input_ids.device)
        step = Step(position_ids, cache.query_positions(position_ids), attention_mask, cache, self.rope)
        x = self.model.embed_tokens(input_ids)
        for block in self.model.layers:
            x = block(x, step)
        return self.lm_head(self.model.norm(x))
