"""Ways around the import policy, all of which must be seen; honest code and what looks odd cost nothing."""

from pathlib import Path

import pytest

from grader.inside.policy import inspect

SPEC = {
    "exercise": "sampling",
    "ancestors": ["llamascratch"],
    "public": ["sample"],
    "names": {"transformers": ["LlamaPreTrainedModel", "LlamaConfig", "AutoConfig", "AutoTokenizer"]},
    "banned": [
        "torch.nn.RMSNorm",
        "torch.nn.functional.rms_norm",
        "torch.nn.functional.scaled_dot_product_attention",
    ],
}
SOLUTION = "exercises/sampling/solution.py"
HELPER = b"import torch\nfrom torch import nn\n\ndef scale(x):\n    return torch.sqrt(x)\n"


def read_snippets(name):
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    sections = [section.partition("\n") for section in text.split("\n## ")[1:]]
    return {title: code for title, _, code in sections}


EVASIONS = read_snippets("evasions.txt")
HONEST = read_snippets("honest.txt")
SUSPICIOUS = read_snippets("suspicious.txt")


def look(code):
    return inspect({SOLUTION: code.encode(), "exercises/sampling/helper.py": HELPER}, SPEC)


def test_the_corpora_are_there():
    assert len(EVASIONS) >= 140
    assert len(HONEST) >= 30


@pytest.mark.parametrize("name", EVASIONS)
def test_evasion_is_seen(name):
    report = look(EVASIONS[name])
    assert not report["errors"]
    assert report["violations"]
    for finding in report["violations"]:
        assert finding["file"] == SOLUTION
        assert finding["en"].startswith(f"solution.py, line {finding['line']}: `")
        assert finding["zh"].startswith(f"solution.py 第 {finding['line']} 行：`")


@pytest.mark.parametrize("name", HONEST)
def test_honest_code_is_left_alone(name):
    report = look(HONEST[name])
    assert report["violations"] == []
    assert report["suspicions"] == []
    assert report["errors"] == []


@pytest.mark.parametrize("name", SUSPICIOUS)
def test_what_only_looks_odd_is_told_and_is_no_breach(name):
    report = look(SUSPICIOUS[name])
    assert report["violations"] == []
    assert report["suspicions"]
    for finding in report["suspicions"]:
        assert finding["rule"] == "suspicious"
        assert finding["line"] > 0


def test_what_looks_odd_hides_no_breach():
    report = look("f = getattr\n" * 500 + "import os\n")
    assert [v["rule"] for v in report["violations"]] == ["import"]
    assert 1 < len(report["suspicions"]) <= 50
