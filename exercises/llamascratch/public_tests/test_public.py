"""The happy path of every public name. The hidden tests go further; their names are in the README."""

import math
import string
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import LlamaConfig, PreTrainedTokenizerFast

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


def test_public_rmsnorm(student, device):
    """[3, 4] has the mean square 12.5, so it becomes [3, 4] / sqrt(12.5), times the weight."""
    norm = student.RMSNorm(2, 1e-6)
    norm.load_state_dict({"weight": torch.tensor([1.0, 2.0])})
    norm.to(device)
    due = torch.tensor([[3.0, 8.0]]) / math.sqrt(12.5)
    assert_close(norm(torch.tensor([[3.0, 4.0]]).to(device)), due, 1e-5, what="norm of [3, 4]")


def test_public_rope(student, device):
    """Two pairs, speeds 1 and 0.01: after a quarter turn of the first pair (1, 0) has become (0, 1)."""
    due = torch.tensor([1.0, 0.01])
    assert_close(student.rope_inv_freq(CONFIG), due, 1e-6, what="rotation speeds")
    x = torch.tensor([[[[1.0, 1.0, 0.0, 0.0]]]])  # features 0 and 2 are a pair, and so are 1 and 3
    quarter = torch.tensor([math.pi / 2, 0.0])
    out = student.apply_rope(x.to(device), torch.tensor([[1]]).to(device), quarter.to(device))
    assert_close(out, torch.tensor([[[[0.0, 1.0, 1.0, 0.0]]]]), 1e-5, what="rotated by a quarter turn")


def test_public_attention(student, device):
    """One query, two keys with scores 0 and ln 3: the weights are 1/4 and 3/4."""
    q = torch.tensor([2.0, 0.0, 0.0, 0.0]).view(1, 1, 1, 4).to(device)
    k = torch.zeros(1, 1, 2, 4)
    k[0, 0, 1, 0] = math.log(3.0)  # 2 ln 3 / sqrt(4) = ln 3
    v = torch.tensor([[0.0, 4.0, 8.0, 0.0], [4.0, 0.0, 8.0, 4.0]]).view(1, 1, 2, 4)
    k, v = k.to(device), v.to(device)
    due = torch.tensor([3.0, 1.0, 8.0, 3.0]).view(1, 1, 1, 4)
    assert_close(student.attention(q, k, v, None), due, 1e-5, what="attention without a mask")
    mask = torch.tensor([True, False]).view(1, 1, 1, 2).to(device)  # only the first key is visible
    assert_close(student.attention(q, k, v, mask), v[:, :, :1].cpu(), 1e-5, what="attention with a mask")


def test_public_mlp(student, device):
    """With the identity in all three matrices the MLP computes silu(x) * x = x² / (1 + exp(-x))."""
    square = LlamaConfig(hidden_size=4, intermediate_size=4, num_attention_heads=1, num_key_value_heads=1)
    mlp = student.MLP(square)
    mlp.load_state_dict({f"{name}_proj.weight": torch.eye(4) for name in ("gate", "up", "down")})
    mlp.to(device)
    x = torch.tensor([[-2.0, 0.0, 1.0, 3.0]])
    assert_close(mlp(x.to(device)), x * x / (1 + torch.exp(-x)), 1e-5, what="MLP output")


def test_public_cache(student, rng, device):
    """Three tokens, then two more: update returns all five, oldest first."""
    cache = student.KVCache()
    k, v = rng.normal(1, 2, 5, 4), rng.normal(1, 2, 5, 4)
    cache.update(0, k[:, :, :3].to(device), v[:, :, :3].to(device))
    both = cache.update(0, k[:, :, 3:].to(device), v[:, :, 3:].to(device))
    check(
        isinstance(both, tuple | list) and len(both) == 2,
        "update returns (keys, values)",
        "update 应返回 (keys, values)",
    )
    assert_equal(both[0], k, what="keys")
    assert_equal(both[1], v, what="values")
    assert_equal(len(cache), 5, what="len(cache)")


def test_public_model(student, rng, device):
    """Logits have the right form, and a cache does not change them."""
    model = student.Llama(CONFIG)
    model.load_state_dict(make_weights(rng))
    model.to(device)
    ids = rng.integers(0, 50, (1, 7)).to(device)
    logits = model(ids)
    assert_form(logits, (1, 7, 50), torch.float32, "logits")
    cache = student.KVCache()
    assert_close(model(ids[:, :4], cache=cache), logits[:, :4], 1e-5, what="logits of the first four tokens")
    assert_close(model(ids[:, 4:], cache=cache), logits[:, 4:], 1e-5, what="logits through the cache")
    tokens = student.generate(model, ids, 3)
    assert_form(tokens, (1, 3), torch.int64, "new tokens")
    assert_equal(tokens[0, 0], logits[0, -1].argmax(), what="the first greedy token")


def checkpoint_files(rng):
    """Make the files of a checkpoint whose tokenizer knows 49 characters and <s>."""
    tokens = ["<s>", *string.ascii_letters[:48], " "]
    tokenizer = Tokenizer(models.WordLevel({token: i for i, token in enumerate(tokens)}, unk_token=" "))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    with tempfile.TemporaryDirectory() as folder:
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>").save_pretrained(folder)
        CONFIG.save_pretrained(folder)
        save_file(make_weights(rng), f"{folder}/model.safetensors", {"format": "pt"})
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_public_engine(student, rng):
    """From a folder on disk to text: each text begins with its prompt; five characters follow at most."""
    path = student.upload(checkpoint_files(rng))
    engine = student.Engine(path)
    texts = engine.execute(["hello", "a llama"], max_new_tokens=5)
    check(
        isinstance(texts, list | tuple) and len(texts) == 2 and all(isinstance(text, str) for text in texts),
        "execute must return a list with one text per prompt",
        "execute 应返回一个列表，每个提示对应一段文本",
    )
    for text, prompt in zip(texts, ["hello", "a llama"], strict=True):
        check(text.startswith(prompt), "a text must begin with its prompt", "文本应以提示开头")
        check(len(text) <= len(prompt) + 5, "more than five new tokens", "新 token 多于五个")
    logits = student.load(path)(torch.tensor([[0, 8, 5]]))
    assert_form(logits, (1, 3, 50), torch.float32, "logits of a loaded model")
