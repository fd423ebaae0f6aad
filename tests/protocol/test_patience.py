"""What hangs has less time with each call, so that it does not use up the time of everything else."""

import pytest

from grader.job import Limits, Reason
from grader.remote.patience import ELSEWHERE, LEAST, ON_KITS, Patience
from grader.wall.worker import Killed

HANGS = "def f():\n while True: pass\n\nclass C:\n def g(self):\n  while True: pass\n def h(self): return 1\n"


def test_a_function_has_half_as_long_each_time_and_others_a_quarter_at_least():
    patience = Patience(8.0)
    had, others = [], []
    for _ in range(6):
        had.append(patience.seconds("f"))
        others.append(patience.seconds("g"))
        patience.lose("f")
    assert had == [8.0, 4.0, 2.0, 1.0, 0.5, 0.5]
    assert others == [8.0, 4.0, 2.0, 2.0, 2.0, 2.0]
    assert (patience.seconds("f"), patience.seconds("g")) == (8.0 * LEAST, 8.0 * ELSEWHERE)
    patience.lose("g")
    assert patience.seconds("g") == 1.0


def test_one_that_has_answered_keeps_several_times_as_long():
    """A slow one must lose nothing to others that hang, nor all to one input on which it hangs itself."""
    patience = Patience(8.0)
    patience.answered("f", 1.5)
    patience.answered("f", 0.1)
    for _ in range(4):
        patience.lose("g")
    assert patience.seconds("f") == 6.0
    patience.lose("f")
    assert patience.seconds("f") == 6.0
    assert patience.on_kits().seconds("f") == 6.0
    patience.answered("f", 7.0)
    assert patience.seconds("f") == 8.0


def test_on_the_kits_it_has_a_part_to_begin_with():
    patience = Patience(8.0)
    patience.lose("f")
    on_kits = patience.on_kits()
    assert (on_kits.seconds("f"), on_kits.seconds("g")) == (8.0 * ON_KITS, 4.0)
    on_kits.lose("f")
    assert (on_kits.seconds("f"), patience.seconds("f")) == (4.0 * ON_KITS, 4.0)


def test_the_next_worker_of_a_solution_waits_less(bench):
    patience, had = Patience(0.5), []
    for _ in range(2):
        session = bench.session(limits=Limits(call=0.5), patience=patience)
        student = bench.load(HANGS, ["f"], {"C": ("g", "h")}, session=session)
        assert student.C().h() == 1
        with pytest.raises(Killed) as killed:
            student.C().g()
        assert killed.value.reason is Reason.WALL
        had.append(killed.value.seconds)
    assert had == [0.5, 0.25]


def test_what_fails_otherwise_has_as_long_as_before(bench):
    patience = Patience(5.0)
    session = bench.session(limits=Limits(call=5.0), patience=patience)
    student = bench.load("import os\ndef f(): os._exit(1)", ["f"], session=session)
    with pytest.raises(Killed) as killed:
        student.f()
    assert killed.value.seconds is None
    assert patience.seconds("f") == 5.0
