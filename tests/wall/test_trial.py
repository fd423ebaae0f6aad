"""The trials that decide whether tests that need a C++ compiler, or a GPU, can be graded here."""

import shutil

import pytest

from grader import trial
from grader.doctor import has_cuda
from grader.job import Limits
from grader.trial import COMPILER
from grader.wall.launch import Wall

from .conftest import LIBRARY


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_a_compiler_that_works_is_found():
    with Wall("A", (COMPILER,)) as wall:
        assert trial.compiler_problem(wall) == ""


def test_without_a_compiler_the_probe_says_so_and_jobs_still_run():
    with Wall("A", ("no_compiler", COMPILER), library=LIBRARY) as wall:
        assert "/nonexistent/g++" in trial.compiler_problem(wall)
        wall.open(Limits()).kill()


@pytest.mark.cuda
@pytest.mark.skipif(not has_cuda(), reason="needs a CUDA device")
def test_a_gpu_that_works_is_found():
    with Wall("A", ("torch",), "cuda") as wall:
        assert trial.gpu_problem(wall) == ""


def test_without_a_gpu_the_trial_says_so_and_jobs_still_run():
    with Wall("A", ("torch",)) as wall:  # no device node is shown, whatever the machine has
        assert trial.gpu_problem(wall) != ""
        wall.open(Limits()).kill()
