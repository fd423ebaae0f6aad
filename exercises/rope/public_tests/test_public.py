"""The happy path of every public name. The hidden tests go further; their names are in the README."""

import math

import torch
from transformers import LlamaConfig

from grader.checks import assert_close, assert_equal, assert_form, check

CONFIG = LlamaConfig(
    vocab_size=50,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=4,
    max_position_embeddings=64,
    rms_norm_eps=1e-5,
    rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    tie_word_embeddings=False,
)


def make_weights(rng):
    """Draw the weights of a small model, under the names of a checkpoint."""
    shapes = {"model.embed_tokens.weight": (50, 16), "model.norm.weight": (16,), "lm_head.weight": (50, 16)}
    for i in range(2):
        block = f"model.layers.{i}"
        shapes |= {
            f"{block}.input_layernorm.weight": (16,),
            f"{block}.self_attn.q_proj.weight": (16, 16),
            f"{block}.self_attn.k_proj.weight": (8, 16),
            f"{block}.self_attn.v_proj.weight": (8, 16),
            f"{block}.self_attn.o_proj.weight": (16, 16),
            f"{block}.post_attention_layernorm.weight": (16,),
            f"{block}.mlp.gate_proj.weight": (24, 16),
            f"{block}.mlp.up_proj.weight": (24, 16),
            f"{block}.mlp.down_proj.weight": (16, 24),
        }
    return {name: rng.normal(*shape) * (0.3 if len(shape) == 2 else 1.0) for name, shape in shapes.items()}


def make_model(student, rng, device):
    """Build the student's model with random weights."""
    model = student.Llama(CONFIG)
    model.load_state_dict(make_weights(rng))
    model.to(device)
    return model


def positions(start, stop):
    """Return positions [1, S]."""
    return torch.arange(start, stop)[None]


def test_public_rope(student, device):
    """The speeds of D = 4 are 1 and 0.01: (1, 1, 0, 0) at position 3 is turned by 3 and 0.03 radians."""
    x = torch.tensor([1.0, 1.0, 0.0, 0.0]).view(1, 1, 1, 4)  # features 0 and 2 are a pair, and so are 1 and 3
    out = student.Rope(CONFIG)(x.to(device), torch.tensor([[3]]).to(device))
    due = [math.cos(3), math.cos(0.03), math.sin(3), math.sin(0.03)]
    assert_close(out, torch.tensor(due).view(1, 1, 1, 4), 1e-5, what="rotated to position 3")


def test_public_caches(student, rng, device):
    """Three tokens, then two more: both caches return the same five keys and values, oldest first."""
    rope = student.Rope(CONFIG)
    k, v = rng.normal(1, 2, 5, 4), rng.normal(1, 2, 5, 4)
    due = rope(k.to(device), positions(0, 5).to(device))
    for name in ("PostRopeCache", "PreRopeCache"):
        cache = getattr(student, name)()
        assert_equal(len(cache), 0, what=f"len of a new {name}")
        for start, stop in ((0, 3), (3, 5)):
            where = positions(start, stop).to(device)
            assert_equal(cache.query_positions(where), where, what=f"query_positions of {name}")
            part = k[:, :, start:stop].to(device), v[:, :, start:stop].to(device)
            both = cache.update(0, *part, where, rope)
            check(
                isinstance(both, tuple | list) and len(both) == 2,
                "update returns (keys, values)",
                "update 应返回 (keys, values)",
            )
            assert_close(both[0], due[:, :, :stop], 1e-5, what=f"keys returned by {name}")
            assert_equal(both[1], v[:, :, :stop], what=f"values returned by {name}")
        assert_equal(len(cache), 5, what=f"len of {name}")


def test_public_stored(student, rng, device):
    """PreRopeCache stores keys as they came, PostRopeCache as they are after rotation."""
    rope, where = student.Rope(CONFIG), positions(4, 7).to(device)
    k, v = rng.normal(1, 2, 3, 4).to(device), rng.normal(1, 2, 3, 4).to(device)
    pre, post = student.PreRopeCache(), student.PostRopeCache()
    for cache in (pre, post):
        cache.update(0, k, v, where, rope)
    assert_equal(pre.raw_keys(0), k, what="keys stored by PreRopeCache")
    assert_close(post.rotated_keys(0), rope(k, where), 1e-5, what="keys stored by PostRopeCache")


def test_public_model(student, rng, device):
    """Logits have the right form, and neither cache changes them."""
    model = make_model(student, rng, device)
    ids = rng.integers(0, 50, (1, 7)).to(device)
    logits = model(ids)
    assert_form(logits, (1, 7, 50), torch.float32, "logits")
    for name in ("PostRopeCache", "PreRopeCache"):
        cache = getattr(student, name)()
        assert_close(model(ids[:, :4], cache=cache), logits[:, :4], 1e-5, what=f"first logits through {name}")
        assert_close(model(ids[:, 4:], cache=cache), logits[:, 4:], 1e-5, what=f"last logits through {name}")


class Deaf:
    """A cache that stores nothing: every chunk stands for itself. The model must not care."""

    def __init__(self):
        self.calls = []

    def __len__(self):
        return 0

    @staticmethod
    def validate(*given):
        """Refuse an update with anything else than a layer, keys, values, positions [B, S] and a Rope."""
        layer, *tensors = given[:4]
        if type(layer) is not int or not all(isinstance(t, torch.Tensor) for t in tensors):
            raise ValueError(
                "update takes (layer, k, v, position_ids, rope)",
                "update 的参数为 (layer, k, v, position_ids, rope)",
            )

    @staticmethod
    def validate_positions(position_ids):
        """Refuse positions that are not [B, S]."""
        if not isinstance(position_ids, torch.Tensor) or position_ids.dim() != 2:
            raise ValueError("position_ids must be a tensor [B, S]", "position_ids 应为张量 [B, S]")

    def query_positions(self, position_ids):
        """Return where the queries are: all at 0."""
        self.calls.append("query_positions")
        return torch.zeros_like(position_ids)

    def update(self, layer, k, v, position_ids, rope):
        """Return keys at position 0, which no rotation changes."""
        self.calls.append(layer)
        return k, v


def test_public_foreign(student, rng, device, expose):
    """A cache of the grader's: the model asks once for positions, then updates layer 0 and layer 1."""
    model, cache = make_model(student, rng, device), Deaf()
    ids = rng.integers(0, 50, (1, 6))
    checks = {"__len__": lambda: None, "query_positions": cache.validate_positions, "update": cache.validate}
    logits = model(ids.to(device), cache=expose(cache, checks, most=1000))
    assert_equal(cache.calls, ["query_positions", 0, 1], what="calls of the cache in one forward pass")
    still = model(ids.to(device), position_ids=torch.zeros_like(ids).to(device))
    assert_close(logits, still, 1e-5, what="logits when all tokens stand at position 0")


def test_public_sink(student, rng, device):
    """One sink and a window of two: of five tokens the first and the last two are kept."""
    cache, rope = student.SinkCache(1, 2), student.Rope(CONFIG)
    k = rng.normal(1, 2, 5, 4)
    for t in range(5):
        part, where = k[:, :, t : t + 1].to(device), positions(t, t + 1)
        due = torch.tensor([[min(t, 2)]])
        assert_equal(cache.query_positions(where.to(device)), due, what="query_positions")
        cache.update(0, part, part, where.to(device), rope)
    assert_equal(cache.raw_keys(0), k[:, :, [0, 3, 4]], what="the keys that are kept")
    assert_equal(len(cache), 5, what="len(cache)")
