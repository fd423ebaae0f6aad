"""Moving a public name from one program into another one that is written differently."""

import sys
import types

import pytest

from grader.transplant import definitions, dependents, holders, transplant

PUBLIC = ("double", "both", "Box")
DONOR = '''"""The reference, with a mistake in `scaled`."""

from __future__ import annotations

import math
from math import floor, pi

FACTOR = 3


def scaled(x: int) -> int:
    return x * FACTOR


def helper(x):
    return floor(x) + 0 * pi


def double(x: int) -> int:
    return scaled(helper(x))


class Box:
    def __init__(self):
        self.held = 0

    def add(self, x) -> Box:
        self.held += double(x)
        return self


def both(x):
    return [double(x), Box().add(x).held]
'''
BASE = '''"""Somebody else's, right."""


def helper(x):
    """Something else altogether."""
    return "mine"


def double(x):
    return x + x


class Box:
    held = 0

    def add(self, x):
        self.held += 2 * x
        return self


def both(x):
    return [double(x), Box().add(x).held, helper(x)]
'''


def load(source):
    module = types.ModuleType("transplanted")
    sys.modules[module.__name__] = module
    exec(compile(source, "transplanted.py", "exec"), module.__dict__)
    return module


def moved(*names):
    return load(transplant(BASE, DONOR, names, PUBLIC))


def test_a_mistake_is_held_by_the_public_names_around_it():
    assert holders(DONOR, ["FACTOR"], PUBLIC) == {"double"}
    assert holders(DONOR, ["helper"], PUBLIC) == {"double"}
    assert holders(DONOR, ["double"], PUBLIC) == {"double"}
    assert holders(DONOR, ["Box", "scaled"], PUBLIC) == {"Box", "double"}
    assert dependents(DONOR, {"double"}, PUBLIC) == {"double", "Box", "both"}
    assert dependents(DONOR, {"both"}, PUBLIC) == {"both"}


def test_definitions_are_all_top_level_names_but_imports():
    assert definitions(DONOR) == ("FACTOR", "scaled", "helper", "double", "Box", "both")


def test_a_name_moves_with_its_helpers_and_leaves_the_others_alone():
    """`helper` means something else in the base: both stay."""
    theirs = moved("double")
    assert theirs.double(2) == 6
    assert theirs.both(2) == [6, 4, "mine"]


def test_what_moved_uses_the_public_names_of_its_new_home():
    theirs = moved("Box", "both")
    assert theirs.both(2) == [4, 4]


def test_all_of_it_may_move():
    assert moved(*PUBLIC).both(2) == [6, 6]


@pytest.mark.parametrize("missing", ["double", "Box"])
def test_a_name_that_the_base_lacks_is_added(missing):
    start = {"double": "def double", "Box": "class Box"}[missing]
    before, _, after = BASE.partition(start)
    without = before + after.partition("\n\n\n")[2]
    theirs = load(transplant(without, DONOR, [missing], PUBLIC))
    assert theirs.both(2)[:2] == {"double": [6, 4], "Box": [4, 4]}[missing]


def test_a_helper_is_there_before_what_needs_it_at_import():
    donor = "def make(x):\n    return x\n\n\nTABLE = {1: make(5)}\n\n\ndef double(x):\n    return TABLE[x]\n"
    assert load(transplant(BASE, donor, ["double"], PUBLIC)).double(1) == 5
