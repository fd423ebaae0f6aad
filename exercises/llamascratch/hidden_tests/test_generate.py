"""L16, L17, L19 and the bonus: greedy text."""

import time

import torch
from llama_fixtures import MOST_TOKENS, Chain, greedy_case, make_model, student_model, swap_outputs, text_case

from grader.checks import assert_equal, check, clue, put_right

V, ATTEMPTS = 97, 3


def assert_tokens(answer, due, what):
    """Compare new tokens; their form is another test's."""
    assert_equal(put_right(answer, due), due, what=what)


def test_generate(student, rng, device):
    """Greedy tokens equal transformers'; generation stops after EOS, which is returned; lengths are exact."""
    model = make_model("gqa", rng.seed())
    theirs = student_model(student, model, device)
    for length in (1, 9, 20):
        prompt, tokens = greedy_case(model, rng.seed(), length, 32)
        assert_tokens(student.generate(theirs, prompt.to(device), 32), tokens, what="32 greedy tokens")
    prompt = prompt.to(device)
    for n in (0, 1):
        assert_tokens(student.generate(theirs, prompt, n), tokens[:, :n], what=f"max_new_tokens={n}")
    never = next(t for t in range(3, 259) if not (tokens == t).any())
    assert_tokens(student.generate(theirs, prompt, 32, never), tokens, what="EOS that never comes")
    first = int(tokens[0, 0])
    assert_tokens(student.generate(theirs, prompt, 32, first), tokens[:, :1], what="EOS as the first token")
    seen = tokens[0].tolist()
    late = next(t for i, t in enumerate(seen) if i >= 3 and t not in seen[:i])
    stop = seen.index(late) + 1
    assert_tokens(student.generate(theirs, prompt, 32, late), tokens[:, :stop], what="EOS on the way")
    zero = student_model(student, swap_outputs(model, late, 0), device)  # says 0 where the other said `late`
    due = torch.tensor([[*seen[: stop - 1], 0]])
    assert_tokens(student.generate(zero, prompt, 32, 0), due, what="EOS with the token id 0")


def feed_chain(student, expose, rng, length, n, **options):
    """Let the student generate with a counting stand-in for the model; return (tokens, due, chunks fed)."""
    chain = Chain(rng.permutation(V))
    prompt = rng.integers(0, V, (1, length))
    due = chain.text(int(prompt[0, -1]), n)
    model = expose(chain, chain.validate, most=4 * MOST_TOKENS, max_calls=4 * (length + n))
    return student.generate(model, prompt, n, **options), torch.tensor([due]), chain.fed


def test_generate_feeds_once(student, expose, rng):
    """Generation feeds every token to the model once: the prompt, then each new token but the last."""
    for length, n in ((12, 9), (1, 5), (7, 1)):
        tokens, due, fed = feed_chain(student, expose, rng, length, n)
        assert_tokens(tokens, due, what="tokens generated with the counting model")
        check(
            sum(fed) == length + n - 1,
            f"{n} new tokens after a prompt of {length} took {sum(fed)} tokens through the model, "
            f"not {length + n - 1}: is the cache used, and is nothing fed in vain?",
            f"长度为 {length} 的提示加 {n} 个新 token,共有 {sum(fed)} 个 token 进入模型,"
            f"应为 {length + n - 1} 个：用到缓存了吗？有没有多余的前向计算？",
        )


def test_engine(student, rng):
    """`execute` returns each prompt with its greedy continuation, ASCII and Chinese, up to the EOS."""
    case = text_case(rng.seed(), 20)
    engine = student.Engine(student.upload(case.files))
    prompts, texts = list(case.prompts), list(case.texts)
    assert_equal(engine.execute(prompts, 20), texts, what="texts of three prompts")
    assert_equal(
        engine.execute(prompts[:1], max_new_tokens=20, temperature=0.0), texts[:1], what="text again"
    )
    assert_equal(engine.execute(prompts[1:2], 0), prompts[1:2], what="text with no new token")
    assert_equal(engine.execute([], 5), [], what="no prompts")


def test_engine_stats(student, rng):
    """`last_stats` tells the seconds of prefill and decoding in the last `execute`, all prompts together."""
    case = text_case(rng.seed(), 20)
    engine = student.Engine(student.upload(case.files))
    check_nothing_timed(engine.last_stats(), "before the first execute", "第一次 execute 之前")
    prompts = [case.prompts[-1]] * 3  # the one that does not end early
    engine.execute(prompts, 20)  # warm up
    check(
        any(plausible_times(engine, prompts) for _ in range(ATTEMPTS)),
        "prefill_seconds and decode_seconds do not fit the time that execute takes",
        "prefill_seconds 与 decode_seconds 和 execute 的实际耗时不符",
    )
    engine.execute([], 20)
    check_nothing_timed(engine.last_stats(), "after an execute without prompts", "没有提示的 execute 之后")


def check_nothing_timed(stats, en, zh):
    """Fail unless both times are 0."""
    check_keys(stats)
    nothing = all(type(s) in (int, float) and s == 0 for s in stats.values())
    check(nothing, f"{en} both times are 0.0", f"{zh}两个时间都应为 0.0")


def check_keys(stats):
    """Fail unless this is a dict of the two times."""
    check(
        isinstance(stats, dict) and set(stats) == {"prefill_seconds", "decode_seconds"},
        "last_stats() must return a dict with exactly the keys prefill_seconds and decode_seconds",
        "last_stats() 应返回只含 prefill_seconds 与 decode_seconds 两个键的字典",
    )


def measure(engine, prompts, n):
    """Return (prefill seconds, decode seconds, seconds seen from outside) of one execute."""
    start = time.perf_counter()
    engine.execute(prompts, n)
    wall = time.perf_counter() - start
    stats = engine.last_stats()
    check_keys(stats)
    check(
        all(isinstance(s, float) and s >= 0 for s in stats.values()),
        "both times must be floats, not negative",
        "两个时间都应为非负浮点数",
    )
    prefill, decode = stats["prefill_seconds"], stats["decode_seconds"]
    told = (prefill + decode > 3 * wall, prefill + decode < 0.6 * wall, prefill > decode)
    clue(told if n > 1 else "the first token", replaces=2)
    return prefill, decode, wall


def plausible_times(engine, prompts):
    """Compare with our own clock, generously: the machine may be busy."""
    prefill, decode, wall = measure(engine, prompts, 20)
    together = 0.5 * wall <= prefill + decode <= wall and decode > 2 * prefill > 0
    prefill, decode, _ = measure(engine, prompts, 1)
    return together and decode < 0.5 * prefill  # the first token needs no decoding


def test_chunked_prefill(student, expose, rng, device):
    """With `prefill_chunk` the prompt goes through the model in pieces of that size, to the same effect."""
    for length, size, due in ((10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 5, [3]), (3, 1, [1, 1, 1])):
        tokens, expected, fed = feed_chain(student, expose, rng, length, 3, prefill_chunk=size)
        assert_tokens(tokens, expected, what="tokens generated with the counting model")
        assert_equal(fed, [*due, 1, 1], what="numbers of tokens per forward pass")
    model = make_model("gqa", rng.seed())
    theirs = student_model(student, model, device)
    prompt, tokens = greedy_case(model, rng.seed(), 20, 16)
    out = student.generate(theirs, prompt.to(device), 16, prefill_chunk=rng.integer(1, 19))
    assert_tokens(out, tokens, what="greedy tokens after a chunked prefill")
