"""What one file hands to another stays in sight."""

import pytest

from grader.inside.policy import inspect

SPEC = {"exercise": "sampling", "ancestors": ["llamascratch"], "imports": ["torch.compile", "pathlib"]}


def rules(solution, helper="", ancestor="", **spec):
    sources = {
        "exercises/sampling/solution.py": solution.encode(),
        "exercises/sampling/helper.py": helper.encode(),
        "exercises/llamascratch/solution.py": ancestor.encode(),
    }
    report = inspect(sources, {**SPEC, **spec})
    return [(v["rule"], v["file"].rsplit("/", 1)[-1]) for v in report["violations"]]


@pytest.mark.parametrize(
    ("helper", "solution"),
    [
        ("import torch", "from .helper import torch\ntorch.load('x')"),
        ("import torch", "from . import helper\nhelper.torch.load('x')"),
        ("import torch", "from exercises.sampling.helper import torch as t\nt.load('x')"),
        (
            "from torch import nn as layers",
            "import exercises.sampling.helper as h\nx = h.layers\nx.modules.module",
        ),
        ("import torch", "from . import helper as t\nt = t.torch\nt.load('x')"),
        ("import torch\nt = torch", "from .helper import t\nt.os.system('id')"),
        (
            "from .solution import a\nb = a",
            "from .helper import b\na = b\nimport torch\na = torch\nb.load('x')",
        ),
    ],
)
def test_a_module_handed_on_is_still_that_module(helper, solution):
    assert "solution.py" in {file for _, file in rules(solution, helper)}


def test_helpers_are_checked_too():
    assert rules("from .helper import f", "import os\ndef f(): ...") == [("import", "helper.py")]


def test_an_earlier_exercise_hands_on_nothing_that_is_not_allowed_here():
    ancestor = "from transformers import AutoConfig"
    assert rules("from exercises.llamascratch.solution import AutoConfig", ancestor=ancestor) == [
        ("import", "solution.py")
    ]


def upstream(ancestor):
    solution = b"from exercises.llamascratch.solution import f"
    sources = {
        "exercises/sampling/solution.py": solution,
        "exercises/llamascratch/solution.py": ancestor.encode(),
    }
    theirs = {"exercise": "llamascratch", "imports": ["pathlib"], "banned": ["torch.nn.RMSNorm"]}
    return inspect(sources, {**SPEC, "upstream": [theirs]})["violations"]


def test_an_earlier_exercise_is_no_way_around_the_rules():
    (found,) = upstream("import os\ndef f(): ...")
    assert (found["rule"], found["file"]) == ("import", "exercises/llamascratch/solution.py")
    assert found["en"].startswith("llamascratch/solution.py, line 1: ")


def test_an_earlier_exercise_keeps_its_own_rules():
    assert upstream("from pathlib import Path\ndef f(): ...") == []


def test_what_costs_points_in_an_earlier_exercise_costs_them_there_only():
    assert upstream("from torch import nn\ndef f(): return nn.RMSNorm(4)") == []


def test_a_sibling_imported_bare_is_told_how_to_write_it():
    report = inspect(
        {"exercises/sampling/solution.py": b"import helper", "exercises/sampling/helper.py": b""}, SPEC
    )
    assert "from .helper import" in report["violations"][0]["en"]


def test_doors_that_the_exercise_opens_are_open():
    assert rules("import torch\nfrom pathlib import Path\nf = torch.compile(Path)") == []


def test_names_restrict_a_module():
    names = {"safetensors.torch": ["load_file"]}
    assert rules("from safetensors.torch import load_file", names=names) == []
    assert rules("from safetensors.torch import save_file", names=names) == [("choice", "solution.py")]
    assert rules("import safetensors\nsafetensors.numpy", names=names) == [("attribute", "solution.py")]


def test_violations_name_file_line_and_what_is_allowed():
    names = {"transformers": ["LlamaConfig"]}
    source = b"import math\n\nfrom transformers import LlamaModel\n"
    (found,) = inspect({"exercises/sampling/solution.py": source}, {**SPEC, "names": names})["violations"]
    assert found["en"] == (
        "solution.py, line 3: `from transformers import LlamaModel`: "
        "transformers.LlamaModel is not allowed in this exercise; allowed: LlamaConfig"
    )
    assert found["zh"] == (
        "solution.py 第 3 行：`from transformers import LlamaModel`："
        "本练习不允许使用 transformers.LlamaModel；允许的名字：LlamaConfig"
    )


def test_a_source_made_of_violations_is_reported_in_part():
    report = inspect({"exercises/sampling/solution.py": b"import os\n" * 5000}, SPEC)
    assert 1 < len(report["violations"]) <= 50
