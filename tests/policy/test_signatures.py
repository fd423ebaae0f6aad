from grader.inside.policy import inspect

STARTER = b'''
class Cache:
    """K and V."""
    def __init__(self) -> None:
        raise NotImplementedError
    def __len__(self) -> int:
        raise NotImplementedError
    def update(self, layer: int, k: "Tensor", v: "Tensor") -> tuple:
        raise NotImplementedError("write me")
    def _private(self): ...

def sample(logits, /, t: float = 1.0, *rest, top_k: int = 0, generator=None, **more) -> int:
    """Draw."""
    raise NotImplementedError
'''


def signatures(source, public, **files):
    sources = {f"exercises/sampling/{name}.py": text for name, text in {"solution": source, **files}.items()}
    return inspect(sources, {"exercise": "sampling", "public": public})["signatures"]


def test_names_order_kinds_and_defaults_without_annotations():
    assert signatures(STARTER, ["sample", "Cache", "absent"]) == {
        "sample": "(logits, /, t=1.0, *rest, top_k=0, generator=None, **more)",
        "Cache": "",
        "Cache.__init__": "(self)",
        "Cache.__len__": "(self)",
        "Cache.update": "(self, layer, k, v)",
    }


def test_formatting_of_defaults_does_not_matter():
    assert signatures(b"def f(x=( 1,2 ), y = 'a'): ...", ["f"]) == signatures(
        b'def f(x=(1, 2), y="a"): ...', ["f"]
    )


def test_definitions_are_found_in_helpers_and_under_other_names():
    helper = b"def _sample(x, y): ...\nclass Part:\n    def forward(self, x): ...\n"
    source = b"from .helper import _sample as draw, Part\nsample = draw\n"
    source += b"class Model(Part):\n    def more(self): ...\n"
    assert signatures(source, ["sample", "Model"], helper=helper) == {
        "sample": "(x, y)",
        "Model": "",
        "Model.more": "(self)",
        "Model.forward": "(self, x)",
    }


def test_a_method_of_ones_own_wins_over_an_inherited_one():
    source = b"class A:\n    def f(self, x): ...\nclass B(A):\n    def f(self, y): ...\n"
    assert signatures(source, ["B"]) == {"B": "", "B.f": "(self, y)"}


def test_names_that_import_each_other_end():
    assert signatures(b"from .helper import f", ["f"], helper=b"from .solution import f") == {}


def test_what_an_earlier_exercise_hands_on_is_not_this_exercises():
    solution = b"from exercises.llamascratch.solution import Llama\nfrom .helper import f"
    sources = {
        "exercises/rope/solution.py": solution,
        "exercises/rope/helper.py": b"def f(x): ...",
        "exercises/llamascratch/solution.py": b"class Llama:\n    def forward(self, x): ...",
    }
    spec = {"exercise": "rope", "ancestors": ["llamascratch"], "public": ["Llama", "f"]}
    assert inspect(sources, spec)["signatures"] == {"f": "(x)"}
