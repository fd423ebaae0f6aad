"""K9 and K11: `generate(compile=True)`, the student's own use of torch.compile, with a real back end."""

from static_fixtures import assert_tokens, greedy_case, make_model, student_model

from grader.checks import check

NONE, FULL = 1.3, 2.5  # ratios of CPU time that earn nothing and everything
RACES, TOKENS = 24, 56  # rounds, those for warming up and spare ones included; new tokens in each
MOST_GRAPHS = 3  # a compiled prefill takes two for many lengths, decoding one


def test_compiled_generate(student, rng, device):
    """Compiled generation gives the same tokens, and prompts of similar lengths share their graphs."""
    model = make_model("one layer", rng.seed())
    theirs = student_model(student, model, device)
    before = student.graphs
    for length in (5, 6, 7, 8):
        prompts, texts = greedy_case(model, rng.seed(), 3, length, 10)
        tokens = student.generate(theirs, prompts.to(device), 10, compile=True)
        assert_tokens(tokens, texts, "tokens of generate(compile=True)")
        graphs = student.graphs - before
        check(
            graphs >= 1,
            "generate(compile=True) compiles nothing",
            "generate(compile=True) 什么也没有编译",
        )
        check(
            graphs <= MOST_GRAPHS,
            f"{graphs} graphs for prompts of similar lengths, at most {MOST_GRAPHS} are due: "
            "round the length of the cache up",
            f"长度相近的提示共编译了 {graphs} 个计算图，最多应为 {MOST_GRAPHS} 个：请把缓存长度向上取整",
        )


def prepare(model, device):
    """Return what both sides of the race build first: their module and a model with these weights."""

    def setup(m):
        return m, student_model(m, model, device)

    return setup


def test_speed(student, race, rng, device, earn):
    """Compiled, 56 tokens of a small model take less CPU time than with a growing cache, uncompiled."""
    model = make_model("deep", rng.seed())
    prompts, texts = greedy_case(model, rng.seed(), RACES, 8, TOKENS)

    def growing(side, i):
        m, llama = side
        return m.generate_growing(llama, prompts[i : i + 1].to(device), TOKENS)

    def compiled(side, i):
        m, llama = side
        return m.generate(llama, prompts[i : i + 1].to(device), TOKENS, compile=True)

    def judge(i, tokens):
        assert_tokens(tokens, texts[i : i + 1], "tokens of generate(compile=True)")

    ratio = race(baseline=growing, student=compiled, setup=prepare(model, device), check=judge)
    earn((ratio - NONE) / (FULL - NONE))
    check(
        ratio >= FULL,
        f"compiled generation is not fast enough. It is {ratio:.1f} times as fast as a growing cache; points "
        f"are given from {NONE} on, all of them from {FULL} on",
        f"编译后的生成不够快。是增长式缓存的 {ratio:.1f} 倍；超过 {NONE} 倍开始得分，达到 {FULL} 倍得满分",
    )
