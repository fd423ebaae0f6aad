"""K9 and K11: `generate(compile=True)`, the student's own use of torch.compile, with a real back end."""

from static_fixtures import greedy_case, make_model, student_model

from grader.checks import assert_equal, check

MOST_GRAPHS = 3  # a compiled prefill takes two for many lengths, decoding one


def test_compiled_generate(student, rng, device):
    """Compiled generation gives the same tokens, and prompts of similar lengths share their graphs."""
    model = make_model("one layer", rng.seed())
    theirs = student_model(student, model, device)
    before = student.graphs
    for length in (5, 6, 7, 8):
        prompts, texts = greedy_case(model, rng.seed(), 3, length, 10)
        tokens = student.generate(theirs, prompts.to(device), 10, compile=True)
        assert_equal(tokens, texts, what="tokens of generate(compile=True)")
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
