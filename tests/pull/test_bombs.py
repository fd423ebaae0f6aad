"""Repositories made to cost time or memory: each is refused for what it is, and nobody else is."""

import re
import tracemalloc

import pytest

from grader.course import PullRules
from grader.git.failures import Reason, Refused
from grader.git.process import Budget, Git
from grader.git.tree import read_tree

from .kinds import FILES, UPDATED
from .repositories import Bare, delta_bomb, nested, tree_bomb

LIGATURE = "\ufdfa"  # three bytes, 18 characters in normal form KC
TOO_LARGE = "NOT PULLED: too large: "


def bare_of(tmp_path):
    return Bare(tmp_path / "bare.git")


def refusal(bare):
    """Read the tree of a repository; return why it is refused, and how much work (CPU seconds) that took."""
    rules = PullRules()
    budget = Budget(rules.seconds)
    before = budget.work
    with pytest.raises(Refused) as ended:
        read_tree(Git(rules, bare.path, budget=budget), bare.tip)
    return ended.value, before - budget.work


@pytest.mark.parametrize(
    ("levels", "name"),
    [(2000, LIGATURE * 76), (2000, LIGATURE * 230), (5000, "d")],
    ids=["long", "longer", "short"],
)
def test_deep_folders_are_not_read_to_their_end(tmp_path, levels, name):
    bare = bare_of(tmp_path)
    nested(bare, levels, name)
    tracemalloc.start()
    refused, work = refusal(bare)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.reason is Reason.SIZE
    assert "too many folders" in refused.text.en
    assert work < 5
    assert peak < 100e6


@pytest.mark.parametrize("mode", ["100644", "40000"])
def test_a_tree_bomb_is_not_walked(tmp_path, mode):
    """Also one without a single file, of which a list of files would show nothing."""
    bare = bare_of(tmp_path)
    tree_bomb(bare, 12, 20, mode)
    refused, work = refusal(bare)
    assert refused.reason is Reason.SIZE
    assert work < 5


def test_the_names_of_many_files_do_not_fill_the_memory(tmp_path):
    """Within all bounds: 1,000 files below 29 folders each of which is long in normal form."""
    bare = bare_of(tmp_path)
    files = {"/".join([f"{i:04}"] + [LIGATURE * 10] * 28 + ["f"]): "" for i in range(150)}
    bare.commit(files)
    tracemalloc.start()
    entries, notes = read_tree(Git(PullRules(), bare.path), bare.tip)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(entries) == 150
    assert notes == ()
    assert peak < 20e6


BOMBS = {
    "deep": lambda bare: nested(bare, 300, LIGATURE * 230),
    "folders": lambda bare: tree_bomb(bare, 12, 20, "40000"),
    "files": lambda bare: tree_bomb(bare, 12, 20),
    "work": lambda bare: delta_bomb(bare, 150, 100),
    "memory": lambda bare: delta_bomb(bare, 2, 900),
    "message": lambda bare: bare.commit(FILES, message=b"x" * 30_000_000),
    "chain": lambda bare: nested(bare, 3000, "d"),
    "folders-2": lambda bare: tree_bomb(bare, 11, 30, "40000"),
}


def test_bombs_cost_only_who_pushed_them(students):
    """The bombs are first in line, and as many as are pulled at once."""
    manifest = students.root / "grader.yaml"
    manifest.write_text(manifest.read_text().replace("seconds: 60", "seconds: 20"))
    for name, lay in BOMBS.items():
        lay(students.enrol(f"a-{name}"))
    for number in range(6):
        students.enrol(f"honest-{number}", files=FILES)
    done = students.pull()
    lines = students.lines(done)
    for number in range(6):
        assert re.fullmatch(UPDATED, lines[f"honest-{number}"])
    for name in BOMBS:
        assert lines[f"a-{name}"].startswith("NOT PULLED: "), name
        assert students.record()[f"a-{name}"]["blame"] == "student", lines[f"a-{name}"]
    assert done.returncode == 1
