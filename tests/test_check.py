"""`grader check`: what a student is told in their own repository, here and on systems unlike this one."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader.check import check, chosen, exit_code
from grader.course import find_course
from grader.handout import add_kits, write_handout

ELSEWHERE = Path(__file__).parent / "elsewhere"
GRADER = (sys.executable, "-m", "grader")
BUILDER = '''"""Twice what vectors gives."""

import torch

from exercises.vectors.solution import dot


def twice(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return twice the dot products [N] of the rows of a and b [N, D]."""
    return 2 * dot(a, b)  # [N]
'''
BUILDER_STARTER = BUILDER.replace("return 2 * dot(a, b)  # [N]", "raise NotImplementedError")
BUILDER_YAML = """
title: {en: Twice, zh: 两倍}
requires: [vectors]
preload: [torch]
interface: {functions: [twice]}
tests:
  test_public_twice: {points: 0, visibility: public, title: {en: T1, zh: T1}}
  test_twice: {points: 100, title: {en: T2, zh: T2}}
"""
BUILDER_TEST = '''import torch

from grader.checks import assert_equal


def NAME(student):
    """Twice 11 is 22."""
    a, b = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])
    assert_equal(student.twice(a, b), torch.tensor([22.0]), what="twice the product")
'''


@dataclass
class Repository:
    """A student's repository that a test may change, and the course it came from."""

    root: Path
    course: Path

    @property
    def exercise(self):
        return self.root / "exercises" / "vectors"

    def solve(self, name="vectors"):
        """Put the reference in place of the starter."""
        for file in ("solution.py", "PSEUDOCODE.md"):
            shutil.copy(self.course / "exercises" / name / "reference" / file, self.root / "exercises" / name)

    def edit(self, old, new, file="solution.py"):
        text = (self.exercise / file).read_text()
        assert text.count(old) == 1
        (self.exercise / file).write_text(text.replace(old, new))

    def check(self, *arguments, **environment):
        """Run the real command line somewhere inside the repository."""
        return subprocess.run(
            [*GRADER, "check", *arguments], cwd=self.exercise, capture_output=True, text=True, timeout=300,
            check=False, env={**os.environ, "COLUMNS": "200", **environment},
        )  # fmt: skip


@pytest.fixture(scope="module")
def untouched(tmp_path_factory, make_course):
    """A fresh handout of the tiny course; tests only copy it."""
    folder = tmp_path_factory.mktemp("handout")
    course = make_course(folder / "course")
    write_handout(find_course(course.root), folder / "student")
    return Repository(folder / "student", course.root)


@pytest.fixture
def repository(untouched, tmp_path):
    return Repository(shutil.copytree(untouched.root, tmp_path / "student"), untouched.course)


def marks(done):
    """Return the mark of each test, by the id that its title begins with."""
    return dict(reversed(pair) for pair in re.findall(r"^ ([✔✘–◐]) (\S+)", done.stdout, re.MULTILINE))


def checked(repository, *names, **options):
    """Check in this process: rows by exercise, and the names of what was left out."""
    course = find_course(repository.root, student=True)
    exercises, left_out = chosen(course, names)
    rows = {row.exercise: row for row in check(course, exercises, **options)}
    return rows, [exercise.name for exercise in left_out]


def cases(repository, **options):
    """Check the one exercise in this process: its cases by name, and the exit code."""
    rows, _ = checked(repository, "vectors", **options)
    return {case.spec.name: case for case in rows["vectors"].cases}, exit_code(list(rows.values()))


def ended(found):
    return {name.removeprefix("test_"): str(case.outcome) for name, case in found.items()}


def test_a_fresh_handout_passes_nothing(repository):
    done = repository.check("--lang", "zh")
    assert done.returncode == 1, done.stderr
    assert marks(done) == {"P1": "✘", "Z7": "–", "Z8": "–", "Z9": "–", "代码量（与参考实现相比）": "–"}
    assert "vectors · 向量 · 通过 0 / 5" in done.stdout
    assert "尚未实现：exercises/vectors/solution.py" in done.stdout


def test_the_references_pass_everything(repository):
    repository.solve()
    done = repository.check()
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(marks(done).values()) == {"✔"}
    assert "vectors · Vectors · 5 of 5 pass" in done.stdout
    assert "without a sandbox" not in done.stdout


def test_a_wrong_answer_is_explained_with_what_was_printed(repository):
    repository.solve()
    repository.edit("return (a * b).sum(-1)", 'print("a is", a.tolist())\n    return (a + b).sum(-1)')
    done = repository.check("vectors")
    assert done.returncode == 1
    assert marks(done)["P1"] == "✘"
    assert "product: " in done.stdout
    assert "your code printed:\n   │ a is [[1.0, 2.0]]" in re.sub(r" +\n", "\n", done.stdout)


def test_an_exception_is_told_with_its_place(repository):
    repository.solve()
    repository.edit("return (a * b).sum(-1)", "return (a * b).summ(-1)")
    found, code = cases(repository)
    said = found["test_public_dot"].message.en
    assert "'Tensor' object has no attribute 'summ' (exercises/vectors/solution.py:8" in said
    assert code == 1


def test_what_does_not_import_is_told_with_its_traceback(repository):
    repository.edit("import torch\n", "import torch\nraise ValueError('too early')\n")
    rows, _ = checked(repository)
    assert 'solution.py", line 4, in <module>' in rows["vectors"].notice.en
    assert "ValueError: too early" in rows["vectors"].notice.en


def test_rules_pseudocode_signatures_and_size_are_checked_without_the_reference(repository):
    repository.solve()
    shutil.copy(repository.exercise / "starter" / "PSEUDOCODE.md", repository.exercise)
    repository.edit("def largest(x: torch.Tensor, k: int)", "def largest(x: torch.Tensor, n: int, k: int)")
    added = "\n".join(f"def more_{i}(x):\n    y = x + {i}\n    return y * y\n" for i in range(40))
    (repository.exercise / "helpers.py").write_text(added)
    found, code = cases(repository)
    assert ended(found) == {
        "public_dot": "passed",
        "import_policy": "passed",
        "pseudocode": "failed",
        "signatures": "failed",
        "code_size": "failed",
    }
    assert found["test_signatures"].message.en == "signature of largest: (x, n, k), expected (x, k)"
    assert re.search(r"yours/reference: 141/21 ", found["test_code_size"].message.en)
    assert code == 1


def test_a_long_line_is_told_with_its_place_and_the_size(repository):
    repository.solve()
    helper = repository.exercise / "parts" / "more.py"
    helper.parent.mkdir()
    helper.write_text("# short\n# " + "x" * 119 + "\n")
    found, _ = cases(repository)
    assert ended(found)["code_size"] == "failed"
    message = found["test_code_size"].message
    assert message.en.startswith(
        "parts/more.py, line 2: has 121 characters, more than 120; yours/reference: 21/21 "
    )
    assert message.zh.startswith("parts/more.py 第 2 行：有 121 个字符，超过 120；你的/参考：语句数 21/21，")


def test_a_breach_of_the_import_policy_voids_the_exercise(repository):
    repository.solve()
    repository.edit("import torch\n", "import torch\nimport socket\n")
    rows, _ = checked(repository)
    assert {str(case.outcome) for case in rows["vectors"].cases} == {"violation"}
    assert "socket" in rows["vectors"].notice.en


def test_an_answer_that_breaks_a_test_is_explained(repository):
    """There is no reference to ask, and the test is no secret: what it raised is said."""
    test = repository.exercise / "public_tests" / "test_public.py"
    test.write_text(test.read_text().replace("assert_equal(student.dot", "assert_equal(+student.dot"))
    repository.solve()
    repository.edit("return (a * b).sum(-1)", 'return "eleven"')
    found, code = cases(repository)
    assert ended(found)["public_dot"] == "failed"
    assert "bad operand type for unary +: 'str' (test_public.py:11)" in found["test_public_dot"].message.en
    assert code == 1


def test_what_is_refused_is_said(repository):
    solution = repository.exercise / "solution.py"
    solution.rename(repository.root / "elsewhere.py")
    solution.symlink_to(repository.root / "elsewhere.py")
    found, code = cases(repository)
    assert "is not a regular file" in found["test_public_dot"].message.en
    assert code == 1


def test_given_folders_are_not_taken_for_code(repository):
    """What lies in starter/, kit/, tests/ is neither counted nor checked."""
    repository.solve()
    for folder in ("kit", "tests", "starter"):
        (repository.exercise / folder).mkdir(exist_ok=True)
        (repository.exercise / folder / "big.py").write_text("import socket\n" + "x = 1\n" * 500)
    assert cases(repository)[1] == 0


def test_without_a_sandbox(repository):
    repository.solve()
    rows, _ = checked(repository, no_sandbox=True)
    assert rows["vectors"].wall == "none"
    assert exit_code(list(rows.values())) == 0


def test_a_test_of_ones_own_is_no_part_of_the_table(repository):
    """It is our own check that fails then, not the student: 3, and the test is named."""
    (repository.exercise / "public_tests" / "test_mine.py").write_text("def test_mine(student):\n    pass\n")
    repository.solve()
    rows, _ = checked(repository)
    assert "test_mine" in rows["vectors"].fault
    assert exit_code(list(rows.values())) == 3


@pytest.mark.parametrize("command", ["run", "report", "list", "verify"])
def test_commands_of_a_course_say_that_this_is_none(untouched, command):
    done = subprocess.run(
        [*GRADER, command], cwd=untouched.root, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 2
    assert "is a student's repository" in done.stderr


def test_a_course_is_no_students_repository(course):
    done = course.grader("check")
    assert done.returncode == 2
    assert "is a course" in done.stderr


def test_an_unknown_exercise_is_2(untouched):
    done = untouched.check("vector")
    assert done.returncode == 2
    assert "did you mean 'vectors'?" in done.stderr


# ------------------------------------------------------------------ exercises that build on each other


@pytest.fixture
def two(tmp_path, make_course):
    """A student's repository of two exercises, the second built on the first."""
    course = make_course(tmp_path / "course")
    folder = course.root / "exercises" / "twice"
    for name in ("starter", "reference", "public_tests", "hidden_tests"):
        (folder / name).mkdir(parents=True)
    for name, source in (("starter", BUILDER_STARTER), ("reference", BUILDER)):
        (folder / name / "solution.py").write_text(source)
        (folder / name / "PSEUDOCODE.md").write_text("# Pseudocode\n")
    for name, test in (("public_tests", "test_public_twice"), ("hidden_tests", "test_twice")):
        (folder / name / f"{test}.py").write_text(BUILDER_TEST.replace("NAME", test))
    for name in ("README.md", "README.zh.md"):
        (folder / name).write_text("# Twice\n")
    (folder / "exercise.yaml").write_text(BUILDER_YAML)
    kit = course.exercise / "kit"
    kit.mkdir()
    shutil.copy(course.exercise / "variants" / "loops.py", kit / "solution.py")
    manifest = course.root / "grader.yaml"
    manifest.write_text(manifest.read_text().replace("[vectors]", "[vectors, twice]"))
    write_handout(find_course(course.root), tmp_path / "student")
    return Repository(tmp_path / "student", course.root)


def test_only_what_is_begun_is_checked(two):
    two.solve("vectors")
    done = two.check()
    assert done.returncode == 0, done.stdout
    assert "not begun: twice" in done.stdout
    assert marks(done)["P1"] == "✔"
    rows, left_out = checked(two, "twice")
    assert (list(rows), left_out) == (["twice"], [])
    assert exit_code(list(rows.values())) == 1


def test_line_ends_do_not_make_a_beginning(two):
    solution = two.exercise / "solution.py"
    solution.write_bytes(solution.read_bytes().replace(b"\n", b"\r\n"))
    two.solve("twice")
    assert [e.name for e in chosen(find_course(two.root, student=True), ())[1]] == ["vectors"]


def test_a_mistake_upstream_is_told_apart_once_the_kit_is_there(two):
    two.solve("vectors")
    two.solve("twice")
    two.edit("return (a * b).sum(-1)", "return (a + b).sum(-1)")
    alone = checked(two, "twice")[0]["twice"].cases[0]
    assert (str(alone.outcome), bool(alone.hint)) == ("failed", False)
    add_kits(find_course(two.course), two.root, ["vectors"])
    with_kit = checked(two, "twice")[0]["twice"].cases[0]
    assert str(with_kit.outcome) == "failed"
    assert "the mistake is in your code of vectors" in with_kit.hint.en


# ------------------------------------------------------------------ systems unlike this one


@pytest.fixture
def elsewhere(tmp_path):
    """An environment in which Python lacks what macOS or Windows lacks; see elsewhere/sitecustomize.py."""
    path = os.pathsep.join(filter(None, (str(ELSEWHERE), os.environ.get("PYTHONPATH"))))
    return {"PYTHONPATH": path, "MARK": str(tmp_path / "mark"), "USER": "student"}


def processes(elsewhere):
    """Return the processes in which the system was another one."""
    return set(Path(elsewhere["MARK"]).read_text().split())


def test_elsewhere_the_references_pass(repository, elsewhere):
    repository.solve()
    done = repository.check(**elsewhere)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(marks(done).values()) == {"✔"}
    assert "without a sandbox" in done.stdout
    assert len(processes(elsewhere)) == 2  # the judge, and the student's code apart from it


def test_elsewhere_mistakes_are_told(repository, elsewhere):
    repository.solve()
    repository.edit("return (a * b).sum(-1)", 'print("here")\n    return (a + b).sum(-1)')
    done = repository.check(**elsewhere)
    assert done.returncode == 1, done.stdout + done.stderr
    assert marks(done)["P1"] == "✘"
    assert "│ here" in done.stdout


@pytest.mark.parametrize("command", [["doctor"], ["--help"], ["check", "--help"]])
def test_elsewhere_other_commands_answer(repository, elsewhere, command):
    done = subprocess.run(
        [*GRADER, *command], cwd=repository.root, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, **elsewhere},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert processes(elsewhere)


def test_elsewhere_is_noticed(elsewhere):
    """The other system would show if the grader used what it does not have."""
    uses = {
        "from grader.inside import confine": "confine.py imports resource",
        "from grader.submission import snapshot": "no attribute 'O_NONBLOCK'",
    }
    for code, complaint in uses.items():
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False,
            env={**os.environ, **elsewhere},
        )  # fmt: skip
        assert done.returncode
        assert complaint in done.stderr
