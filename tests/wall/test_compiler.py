"""The probe that decides whether tests that need a C++ compiler can be graded here."""

import shutil

import pytest

from grader import compiler
from grader.compiler import COMPILER
from grader.job import Limits
from grader.wall.launch import Wall

from .conftest import LIBRARY


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_a_compiler_that_works_is_found():
    with Wall("A", (COMPILER,)) as wall:
        assert compiler.problem(wall) == ""


def test_without_a_compiler_the_probe_says_so_and_jobs_still_run():
    with Wall("A", ("no_compiler", COMPILER), library=LIBRARY) as wall:
        assert "/nonexistent/g++" in compiler.problem(wall)
        wall.open(Limits()).kill()
