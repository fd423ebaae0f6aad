"""The happy path of every public name. The hidden tests go further; their names are in the README."""

import math
import string
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import LlamaConfig, PreTrainedTokenizerFast

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


def test_public_pad_batch(student):
    """Two rows, one of them shorter by two tokens. The 9 in the second row is a token, not padding."""
    both = student.pad_batch([[5, 6, 7], [9]], 9)
    check(
        isinstance(both, tuple | list) and len(both) == 2,
        "pad_batch must return (ids, attention_mask)",
        "pad_batch 应返回 (ids, attention_mask)",
    )
    assert_equal(both[0], torch.tensor([[5, 6, 7], [9, 9, 9]]), what="ids")
    assert_equal(both[1], torch.tensor([[1, 1, 1], [0, 0, 1]]), what="attention mask")


def test_public_position_ids(student):
    """Positions count real tokens, whatever stands before them."""
    mask = torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1], [1, 0, 0, 1]])
    due = torch.tensor([[0, 0, 0, 1], [0, 1, 2, 3], [0, 0, 0, 1]])
    assert_equal(student.make_position_ids(mask), due, what="position ids")


def test_public_mask(student):
    """Two new tokens behind two old ones, the first of which is padding."""
    due = torch.tensor([[[[False, True, True, False], [False, True, True, True]]]])
    assert_equal(student.make_mask(torch.tensor([[0, 1, 1, 1]]), 2), due, what="mask")


def test_public_generate_batch(student, expose):
    """A model over ten tokens that counts: after 3 comes 4, after 9 comes 0. Row 2 ends with its EOS, 5."""
    after = torch.arange(1, 11) % 10

    def count(input_ids, attention_mask=None, position_ids=None, cache=None):
        return torch.nn.functional.one_hot(after[input_ids], 10).float()  # logits [B, S, 10]

    def validate(input_ids, *rest, **named):
        if not isinstance(input_ids, torch.Tensor) or input_ids.dtype != torch.int64 or input_ids.dim() != 2:
            raise ValueError("input_ids must be an int64 tensor [B, S]", "input_ids 应为 int64 张量 [B, S]")
        if ((input_ids < 0) | (input_ids > 9)).any():
            raise ValueError("there are ten tokens, from 0 to 9", "只有十个 token，从 0 到 9")

    new = student.generate_batch(
        expose(count, validate, most=1000), [[1, 7], [3], [2, 4, 8]], 4, eos_token_id=5
    )
    assert_equal(new, [[8, 9, 0, 1], [4, 5], [9, 0, 1, 2]], what="new tokens")


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


def checkpoint_files(rng):
    """Make the files of a checkpoint whose tokenizer knows 49 characters and <s>, and has no pad token."""
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
    """From a folder on disk to texts: each begins with its prompt, and the batch changes nothing."""
    engine = student.Engine(student.upload(checkpoint_files(rng)))
    prompts = ["hello", "a llama in a batch"]
    texts = engine.execute(prompts, max_new_tokens=5)
    check(
        isinstance(texts, list | tuple) and len(texts) == 2 and all(isinstance(text, str) for text in texts),
        "execute must return a list with one text per prompt",
        "execute 应返回一个列表，每个提示对应一段文本",
    )
    for text, prompt in zip(texts, prompts, strict=True):
        check(text.startswith(prompt), "a text must begin with its prompt", "文本应以提示开头")
        check(len(text) <= len(prompt) + 5, "more than five new tokens", "新 token 多于五个")
        assert_equal(engine.execute([prompt], max_new_tokens=5), [text], what="the text of one prompt alone")


def test_public_utilization(student):
    """Rows of 3 + 2 and 1 + 2 tokens in a cache of 2 x (3 + 2) slots."""
    answer = student.cache_utilization([3, 1], [2, 2])
    check(
        isinstance(answer, float) and abs(answer - 0.8) < 1e-6, "(5 + 3) / 10 is 0.8", "(5 + 3) / 10 应为 0.8"
    )


def test_public_attend(student):
    """One query, two keys with scores 0 and ln 3: the weights are 1/4 and 3/4. A third key is hidden."""
    q = torch.tensor([2.0, 0.0, 0.0, 0.0]).view(1, 1, 1, 4)
    k = torch.zeros(1, 1, 3, 4)
    k[0, 0, 1, 0] = math.log(3.0)  # 2 ln 3 / sqrt(4) = ln 3
    v = torch.tensor([[0.0, 4.0, 8.0, 0.0], [4.0, 0.0, 8.0, 4.0], [9.0, 9.0, 9.0, 9.0]]).view(1, 1, 3, 4)
    mask = torch.tensor([True, True, False]).view(1, 1, 1, 3)
    due = torch.tensor([3.0, 1.0, 8.0, 3.0]).view(1, 1, 1, 4)
    for backend in ("eager", "sdpa"):
        assert_close(student.attend(q, k, v, mask, backend), due, 1e-5, what=f"{backend} attention")
