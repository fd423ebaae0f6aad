"""Oracles remembered per slot: the same question is worked out once, and nobody can spoil the answer."""

import pytest
import torch

from grader import memo
from grader.memo import Aside, fingerprint, remembered


@pytest.fixture
def oracle():
    """A remembered function that notes what it was really asked."""
    asked = []

    @remembered
    def double(x, scale=1.0, options=None):
        asked.append(x)
        return {"doubled": [x * 2 * scale]}

    double.asked = asked
    return double


def test_equal_inputs_are_worked_out_once(oracle):
    first = oracle(torch.arange(4.0), options={"a": [1, None]})
    again = oracle(torch.arange(4.0), options={"a": [1, None]})
    assert torch.equal(first["doubled"][0], again["doubled"][0])
    assert len(oracle.asked) == 1


DIFFERENT = {
    "another value": (torch.tensor([0.0, 1.0, 2.0, 3.5]),),
    "another shape": (torch.arange(4.0).reshape(2, 2),),
    "another dtype with the same bytes": (torch.arange(4.0).view(torch.int32),),
    "a zero with another sign": (torch.tensor([-0.0, 1.0, 2.0, 3.0]),),
    "another number": (torch.arange(4.0), 2.0),
    "a whole number": (torch.arange(4.0), 1),
    "other options": (torch.arange(4.0), 1.0, {"a": (1, None)}),
}


@pytest.mark.parametrize("args", DIFFERENT.values(), ids=DIFFERENT)
def test_what_differs_is_worked_out_anew(oracle, args):
    oracle(torch.arange(4.0), 1.0, {"a": [1, None]})
    oracle(*args)
    assert len(oracle.asked) == 2


def test_a_tensor_is_known_by_its_elements_not_its_layout(oracle):
    oracle(torch.arange(6.0).reshape(2, 3))
    oracle(torch.arange(6.0).reshape(2, 3).T.contiguous().T)
    assert len(oracle.asked) == 1


def test_changing_an_answer_changes_nobody_elses(oracle):
    oracle(torch.ones(2))["doubled"][0].zero_()
    oracle(torch.ones(2))["doubled"].append(None)
    assert oracle(torch.ones(2))["doubled"][0].tolist() == [2.0, 2.0]
    assert len(oracle(torch.ones(2))["doubled"]) == 1


def test_objects_are_equal_to_themselves_only(oracle):
    class Model:
        __mul__ = __rmul__ = lambda self, other: self

    a, b = Model(), Model()
    for model in (a, b, a):
        oracle(model)
    assert oracle.asked == [a, b]


def test_what_follows_from_the_rest_does_not_count(oracle):
    @remembered
    def last(fed, cache):
        cache.value.append(fed[-1])
        return len(cache.value)

    assert last((1,), Aside([])) == 1
    assert last((1,), Aside([7, 7])) == 1
    assert last((1, 2), Aside([1])) == 2


def test_an_exception_is_not_remembered():
    failures = iter([KeyError, None])

    @remembered
    def once_wrong():
        if error := next(failures):
            raise error
        return 1

    with pytest.raises(KeyError):
        once_wrong()
    assert once_wrong() == 1


def test_a_fingerprint_stands_for_a_history():
    steps = [(torch.arange(3), None), (torch.arange(3), 1), (torch.arange(3), 1.0), (torch.arange(3.0), None)]
    prints = [fingerprint((b"", step)) for step in steps]
    prints += [fingerprint((prints[0], step)) for step in steps]
    assert len(set(prints)) == 8
    assert fingerprint((b"", (torch.arange(3), None))) == prints[0]


def test_no_fingerprint_is_taken_of_what_is_equal_only_to_itself():
    with pytest.raises(TypeError, match="no fingerprint of object can be taken"):
        fingerprint([object()])


def test_a_layout_is_kept(oracle):
    plain = remembered(lambda: torch.arange(6.0).reshape(2, 3).T)
    assert plain().stride() == plain().stride() == (1, 3)


def test_the_oldest_make_room(oracle, monkeypatch):
    monkeypatch.setattr(memo, "MOST_BYTES", 3 * 400)
    for i in (0, 1, 2, 0, 3, 0, 1):  # 1 was the longest unused when 3 came
        oracle(torch.full((100,), float(i)))
    assert [int(x[0]) for x in oracle.asked] == [0, 1, 2, 3, 1]
