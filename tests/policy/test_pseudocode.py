import pytest

from grader.inside.policy import inspect

SOURCE = """
def top_k_filter(logits, top_k):
    kth = logits.topk(top_k).values[:, -1:]
    masked = logits.masked_fill(logits < kth, -1.0)
    return masked

def sample(logits):
    raise NotImplementedError
"""
GOOD = """### `top_k_filter(logits, top_k)`

```
logits [B, V], top_k an integer
find the k-th largest value of every row
everything smaller becomes minus infinity
```
"""
TEMPLATE = (
    "# Pseudocode\n\n### top_k_filter\n```\nTODO [B, V]\nTODO\nTODO\n```\n\n### sample\n```\nTODO\n```\n"
)


def judge(text, source=SOURCE, public=("top_k_filter", "sample"), **more):
    sources = {"exercises/sampling/solution.py": source.encode()}
    if text is not None:
        sources["exercises/sampling/PSEUDOCODE.md"] = text if isinstance(text, bytes) else text.encode()
    spec = {"exercise": "sampling", "public": list(public), "template": TEMPLATE.encode(), **more}
    return inspect(sources, spec)["pseudocode"]


def block(*lines):
    return "### top_k_filter\n```\n" + "\n".join(lines) + "\n```\n"


def test_only_implemented_names_need_a_heading():
    assert judge(GOOD) == {"fraction": 1.0, "headings": {"top_k_filter": True}, "problems": []}


@pytest.mark.parametrize(
    "written",
    [
        "def sample(logits):\n    return logits\n    raise NotImplementedError",
        "def sample(x):\n    with x:\n        return x\n    raise NotImplementedError",
        "def sample(logits):\n    raise NotImplementedError\ndef sample(logits):\n    return logits",
        "class sample:\n    def draw(self): return 1\n    def more(self):\n        raise NotImplementedError",
        "class sample:\n    def draw(self):\n        raise NotImplementedError\n    def draw(self): return 1",
    ],
)
def test_what_only_looks_unfinished_needs_one(written):
    source = f"{SOURCE.partition('def sample')[0]}{written}\n"
    assert judge(GOOD, source, methods={"sample": ["draw"]})["fraction"] == 0.5


@pytest.mark.parametrize(
    "unfinished",
    [
        "def sample(logits):\n    def part(x):\n        return x\n    raise NotImplementedError",
        "class sample:\n    def draw(self):\n        raise NotImplementedError",
        "class sample:\n    def __init__(self):\n        raise NotImplementedError",
    ],
)
def test_what_is_unfinished_needs_none(unfinished):
    source = f"{SOURCE.partition('def sample')[0]}{unfinished}\n"
    assert judge(GOOD, source, methods={"sample": ["draw"]})["fraction"] == 1.0


def test_the_share_of_names_that_are_fine():
    source = SOURCE.replace("raise NotImplementedError", "return logits")
    found = judge(GOOD, source)
    assert found["fraction"] == 0.5
    assert "`sample`" in found["problems"][0]["en"]


@pytest.mark.parametrize("text", [None, TEMPLATE, TEMPLATE.replace("\n", "\r\n") + "\n\n", "", b"\xff"])
def test_nothing_written_is_worth_nothing(text):
    found = judge(text)
    assert found["fraction"] == 0.0
    assert found["problems"][0]["zh"]


def test_nothing_implemented_is_worth_nothing():
    assert (
        judge(GOOD, "def top_k_filter(x):\n    '''Doc.'''\n    raise NotImplementedError('later')\n")[
            "fraction"
        ]
        == 0
    )


def test_a_block_left_as_in_the_template():
    assert "template" in judge(TEMPLATE + "\nMy notes.\n")["problems"][0]["en"]


@pytest.mark.parametrize("count", [2, 41])
def test_too_short_and_too_long(count):
    assert "lines" in judge(block(*["x of shape [B, V]"] * count))["problems"][0]["en"]


def test_blank_lines_are_not_lines():
    assert judge(block("x [B, V]", "", "  ", "sort it"))["fraction"] == 0.0


@pytest.mark.parametrize(
    "shape",
    [
        "[B, V]",
        "x: [B, H, S, D]",
        "x[B, V]",
        "(B, V)",
        "[B,V]",
        "[..., D]",
        "[n]",
        "[B, S+1]",
        "logits【】[V]",
    ],
)
def test_shapes(shape):
    assert judge(block(f"takes {shape}", "sorts every row", "drops the rest"))["fraction"] == 1.0


@pytest.mark.parametrize(
    "text", ["x[0]", "x[0, 1]", "(1, 2)", "x[i, j]", "f(x, y)", "list[int]", "[]", "nothing"]
)
def test_what_is_not_a_shape(text):
    assert "shape" in judge(block(f"takes {text}", "sorts every row", "drops the rest"))["problems"][0]["en"]


def test_the_program_itself_is_refused_whatever_the_names():
    copied = block(
        "# logits [B, V]",
        "threshold = scores.topk(k).values[:, -1:]",
        "result = scores.masked_fill(scores < threshold, -1.0)",
        "return result",
    )
    assert "program itself" in judge(copied)["problems"][0]["en"]


def test_a_line_or_two_of_code_is_fine():
    mixed = block(
        "logits [B, V]", "kth = logits.topk(top_k).values[:, -1:]", "per row", "smaller ones are masked"
    )
    assert judge(mixed)["fraction"] == 1.0


def test_headings_inside_a_fence_are_text():
    text = "### other\n~~~~\n### top_k_filter\n```\n[B, V]\n~~~~\n" + GOOD
    assert judge(text)["fraction"] == 1.0


def test_a_heading_without_a_block():
    assert (
        judge("### top_k_filter\n\nSome words [B, V].\n\n### x\n```\na [B]\nb\nc\n```\n")["fraction"] == 0.0
    )


def test_an_unclosed_fence_is_no_block():
    assert judge("### top_k_filter\n```\na [B]\nb\nc\n")["fraction"] == 0.0


def changes(section):
    text = "### f\n```\nx [B, V] comes in\nadd one to it\ngive it back\n```\n" + section
    sources = {
        "exercises/rope/solution.py": b"from exercises.llamascratch.solution import g\ndef f(x): ...",
        "exercises/rope/PSEUDOCODE.md": text.encode(),
        "exercises/llamascratch/solution.py": b"class Attention:\n def forward(self): ...\ndef g(x): ...",
    }
    template = b"### f\n```\nTODO\n```\n## Changes\n\nList names, or write `none`.\n\n-\n"
    spec = {"exercise": "rope", "ancestors": ["llamascratch"], "public": ["f"], "template": template}
    return inspect(sources, spec)["pseudocode"]


@pytest.mark.parametrize(
    "section",
    [
        "## Changes\n\nnone\n",
        "## 变化\n\n- 无\n",
        "## Changes\n- `g`: twice as fast\n- `Attention.forward`\n# End\nx\n",
    ],
)
def test_the_names_changed_of_earlier_exercises_are_listed(section):
    assert changes(section)["fraction"] == 1.0


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ("", "write: none"),
        ("## Changes\n\n", "write: none"),
        ("## Changes\n\nList names, or write `none`.\n\n-\n", "write: none"),
        ("## Changes\n- 1\n", "names nothing"),
        ("## Changes\n- `h`: faster\n", "'h'"),
    ],
)
def test_a_list_of_changes_that_is_missing_or_wrong(section, says):
    found = changes(section)
    assert found["fraction"] == 0.5
    assert says in found["problems"][0]["en"]


def test_only_names_of_this_exercise_need_a_heading():
    assert list(changes("## Changes\nnone\n")["headings"]) == ["f", "## Changes"]
