"""K6, K9, K10: greedy text, its ends, and what does not fit."""

import torch
from static_fixtures import (
    Decoder,
    assert_tokens,
    contents,
    eos_case,
    greedy_case,
    make_cache,
    make_model,
    oracle,
    poison,
    random_ids,
    student_model,
    swap_tokens,
    until,
)

from grader.checks import StudentRaised, assert_equal, assert_form, check, expect_raises, put_right

CLOSE = 0.5  # standard deviations that a bfloat16 model's token may be behind the best one
REFUSALS = ("ValueError", "IndexError", "RuntimeError")


def test_overflow(student, rng, device):
    """Where there is no slot left prefill and decode_step raise, and the cache is as it was."""
    model = make_model("base", rng.seed())
    theirs = student_model(student, model, device)
    cache = make_cache(student, model, 2, 8, device)
    decoder = Decoder(student.decode_step, theirs, cache, device)
    ids = random_ids(rng, model, 2, 9).to(device)
    before = poison(rng, cache, model, 2, 8)
    with expect_raises(*REFUSALS):
        student.prefill(theirs, ids, cache)
    unchanged(cache, before, "after a prefill that does not fit")
    student.prefill(theirs, ids[:, :8], cache)
    poisoned, before = before, contents(cache)
    check(
        not any(bool((before[name] == poisoned[name]).any()) for name in before),
        "prefill has not written the slots of its prompt",
        "prefill 没有写入提示对应的槽位",
    )
    for position in (8, 11):
        with expect_raises(*REFUSALS):
            decoder.feed(ids[:, :1], position)
        unchanged(cache, before, "after a step that does not fit")


def unchanged(cache, before, when):
    """Fail unless the cache holds what it held."""
    for name, value in contents(cache).items():
        assert_equal(value, before[name].cpu(), what=f"{name} {when}")


def test_generate(student, rng, device):
    """Greedy tokens of one and of three prompts equal transformers'; EOS ends a row, and is repeated."""
    model = make_model("base", rng.seed())
    theirs = student_model(student, model, device)
    for rows, length in ((1, 1), (1, 12), (3, 6)):
        prompts, texts = greedy_case(model, rng.seed(), rows, length, 20)
        assert_tokens(student.generate(theirs, prompts.to(device), 20), texts, "20 greedy tokens")
    never = next(t for t in range(1, 96) if not (texts == t).any())
    tokens = student.generate(theirs, prompts.to(device), 20, eos_token_id=never)
    assert_tokens(tokens, texts, "tokens with an EOS that never comes")
    prompts, texts, eos = eos_case(model, rng.seed(), 7, 20)
    tokens = student.generate(theirs, prompts.to(device), 20, eos_token_id=eos)
    assert_tokens(tokens, until(texts, eos), "tokens of three rows with an EOS on the way")
    first = int(texts[0, 0])
    tokens = student.generate(theirs, prompts[:1].to(device), 20, eos_token_id=first)
    assert_tokens(tokens, texts[:1, :1], "tokens with EOS as the first token")
    zero = student_model(student, swap_tokens(model, eos, 0), device)  # says 0 where the other said `eos`
    prompts = torch.where(prompts == eos, 0, prompts)
    due = torch.where(texts == eos, 0, torch.where(texts == 0, eos, texts))
    tokens = student.generate(zero, prompts.to(device), 20, eos_token_id=0)
    assert_tokens(tokens, until(due, 0), "tokens with an EOS of the id 0")


def test_generate_limits(student, rng, device):
    """0 and 1 new tokens, prompts up to the last position, and an error where there are too few positions."""
    model = make_model("short", rng.seed())
    theirs = student_model(student, model, device)
    prompts, texts = greedy_case(model, rng.seed(), 2, 15, 10)
    prompts = prompts.to(device)
    for n in (0, 1, 2, 10):  # with 10 the last token fed is at the last of the 24 positions
        assert_tokens(student.generate(theirs, prompts, n), texts[:, :n], f"max_new_tokens={n}")
    for n in (11, 40):
        with expect_raises(*REFUSALS):
            student.generate(theirs, prompts, n)
    longest, text = greedy_case(model, rng.seed(), 1, 24, 1)
    tokens = student.generate(theirs, longest.to(device), 1)
    assert_tokens(tokens, text, "a token after the longest prompt")
    with expect_raises(*REFUSALS):
        student.generate(theirs, longest.to(device), 2)


def test_generate_bfloat16(student, reference, rng, device):
    """A model in bfloat16 gets a cache in bfloat16; each new token is the best one, or as good."""
    model = make_model("base", rng.seed())
    theirs = student_model(student, model, device)
    theirs.to(torch.bfloat16)
    ids = random_ids(rng, model, 2, 5)
    try:
        tokens = student.generate(theirs, ids.to(device), 7)
    except StudentRaised as error:
        check(
            "dtype" not in str(error),
            "generate mixes dtypes: its cache must have the dtype of the model",
            "generate 混用了 dtype：缓存的 dtype 应与模型一致",
        )
        raise
    tokens = put_right(tokens, torch.zeros(2, 7, dtype=torch.int64))
    assert_form(tokens, (2, 7), torch.int64, "tokens of a bfloat16 model")
    check(
        bool(((tokens >= 0) & (tokens < 96)).all()),
        "token ids outside the vocabulary",
        "token id 超出词表范围",
    )
    logits = oracle(reference, model, torch.cat((ids, tokens[:, :-1]), dim=1))[:, 4:]  # [B, n, V]
    chosen = logits.gather(-1, tokens[..., None])[..., 0]
    behind = (logits.amax(-1) - chosen) / logits.std(-1)  # measured: 0.04 at most; an arbitrary token: 3
    check(
        float(behind.max()) <= CLOSE,
        "tokens of a bfloat16 model are not its best ones",
        "bfloat16 模型生成的 token 不是概率最大的",
    )
