"""The happy path of every public name. The hidden tests go further; their names are in the README."""

import torch
from transformers import LlamaConfig

from grader.checks import assert_close, assert_equal, check

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


def make_model(student, rng, device):
    """Build the student's own Llama with small random weights."""
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
    weights = {n: rng.normal(*shape) * (0.5 if len(shape) == 2 else 1.0) for n, shape in shapes.items()}
    model = student.Llama(CONFIG)
    model.load_state_dict(weights)
    model.to(device)
    return model


def decode(step, model, ids, start, cache, device):
    """Feed ids[:, start:] token by token; return the logits [B, n, V]."""
    logits = [
        step(model, ids[:, p : p + 1].to(device), torch.tensor([p]).to(device), cache)
        for p in range(start, ids.shape[1])
    ]
    return torch.stack(logits, dim=1)


def test_public_cache(student, device):
    """A new cache has a slot for every position of every layer; they hold zeros, and `reset` zeroes them."""
    cache = student.StaticCache(CONFIG, 3, 10, device=device)
    empty = torch.zeros(2, 3, 2, 10, 4)
    state = cache.state_dict()
    check(set(state) == {"k", "v"}, "the buffers are called k and v", "两个缓冲区应名为 k 与 v")
    assert_equal(state["k"], empty, what="k of a new cache")
    assert_equal(state["v"], empty, what="v of a new cache")
    where = cache.addresses()
    cache.load_state_dict({"k": empty + 1, "v": empty + 2})
    assert_equal(cache.state_dict()["v"], empty + 2, what="v after loading")
    cache.reset()
    assert_equal(cache.state_dict()["v"], empty, what="v after reset")
    assert_equal(cache.addresses(), where, what="addresses after reset")


def test_public_logits(student, rng, device):
    """Prefill five tokens, decode three: the logits are those of your own Llama in one pass."""
    model = make_model(student, rng, device)
    ids = rng.integers(0, 50, (2, 8))
    due = model(ids.to(device))
    cache = student.StaticCache(CONFIG, 2, 12, device=device)
    logits = student.prefill(model, ids[:, :5].to(device), cache)
    assert_close(logits, due[:, 4], 1e-5, what="logits after prefill")
    logits = decode(student.decode_step, model, ids, 5, cache, device)
    assert_close(logits, due[:, 5:], 1e-5, what="logits of decode_step")


def test_public_graph(student, rng, device):
    """One graph serves the positions 5, 6, 7; if capturing it fails, the message says where."""
    model = make_model(student, rng, device)
    ids = rng.integers(0, 50, (1, 8))
    cache = student.StaticCache(CONFIG, 1, 12, device=device)
    student.prefill(model, ids[:, :5].to(device), cache)
    step = student.compiled("decode_step", fullgraph=True, dynamic=False)
    decode(step, model, ids, 5, cache, device)
    assert_equal(step.graphs, 1, what="number of graphs")


def test_public_generate(student, rng, device):
    """The first of the new tokens is the argmax after prefill; there are as many as asked for."""
    model = make_model(student, rng, device)
    ids = rng.integers(0, 50, (2, 6)).to(device)
    tokens = student.generate(model, ids, 5)
    check(tuple(tokens.shape) == (2, 5), "five new tokens for each row", "每一行应有五个新 token")
    assert_equal(tokens[:, 0], model(ids)[:, -1].argmax(-1), what="the first new token of each row")
    assert_equal(student.generate(model, ids, 0), ids[:, :0].cpu(), what="no new tokens")
