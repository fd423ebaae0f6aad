"""Whatever a student can be shown exists in English and in Chinese, and the Chinese is Chinese."""

import ast
import re
from pathlib import Path

import pytest

from grader.course import find_course
from grader.job import Text

ROOT = Path(__file__).parent.parent
EXERCISES = find_course(ROOT).exercises()
CHINESE = re.compile(r"[\u4e00-\u9fff]")
WORDS = re.compile(r"[A-Za-z]{2,}[^A-Za-z]+[A-Za-z]{2,}")  # more than a name of something
NAME = re.compile(r"(\w+ · )?[\w.]+(\(\))?")
PROGRAMS = sorted(
    p
    for p in (*ROOT.glob("grader/**/*.py"), *ROOT.glob("exercises/*/*_tests/*.py"))
    if "__pycache__" not in p.parts
)
PLACES = {"Text": (0, 1), "check": (1, 2)}  # function: which of its arguments are English and Chinese


def translated(text):
    """Say whether a text stands in both languages; a mere name may be the same in both."""
    same_name = text.en == text.zh and NAME.fullmatch(text.en)
    return (
        bool(text.en.strip()) and not CHINESE.search(text.en) and bool(CHINESE.search(text.zh) or same_name)
    )


def texts(exercise):
    """Yield what exercise.yaml and the mutants say to students, with where it stands."""
    yield f"{exercise.name}: title", exercise.title
    for spec in exercise.tests:
        yield f"{exercise.name}: title of {spec.name}", spec.title
        if spec.hint.en or spec.hint.zh:
            yield f"{exercise.name}: hint of {spec.name}", spec.hint
    for mutant in exercise.mutants():
        yield f"{exercise.name}: mutant {mutant.name}", mutant.hint


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_titles_and_hints_are_translated(exercise):
    found = list(texts(exercise))
    assert len(found) > len(exercise.tests) + len(exercise.mutants())
    assert [where for where, text in found if not translated(text)] == []


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_every_hidden_test_has_a_title_of_its_own(exercise):
    for lang in ("en", "zh"):
        titles = [getattr(spec.title, lang) for spec in exercise.tests]
        assert len(set(titles)) == len(titles)


def constant(node):
    """Return the constant parts of a string expression, None where it is none or has none."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value for part in node.values if isinstance(part, ast.Constant))
    return None


def pairs(path):
    """Yield (line, English, Chinese) of every text written into a program."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in PLACES:
            en, zh = PLACES[node.func.id]
            if len(node.args) > zh:
                yield node.lineno, constant(node.args[en]), constant(node.args[zh])


def test_all_programs_with_texts_are_found():
    assert sum(len(list(pairs(path))) for path in PROGRAMS) > 200


def test_texts_in_programs_are_translated():
    """An English sentence has a Chinese one beside it, wherever both are written down."""
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {en!r}, {zh!r}"
        for path in PROGRAMS
        for line, en, zh in pairs(path)
        if (en is not None and WORDS.search(en) and zh is not None and not CHINESE.search(zh))
        or (en is not None and CHINESE.search(en))
    ]
    assert wrong == []


def test_what_a_callback_refuses_is_said_in_both_languages():
    """The checks of exposed objects raise ValueError(English, Chinese)."""
    raised = [
        (path, node.args)
        for path in ROOT.glob("exercises/*/hidden_tests/*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ValueError"
    ]
    assert raised
    for path, arguments in raised:
        assert len(arguments) == 2, path
        assert CHINESE.search(constant(arguments[1])), path


def test_the_rule_knows_a_missing_translation():
    assert translated(Text("L17 · Engine.execute", "L17 · Engine.execute"))
    assert translated(Text("top-p keeps too much", "top-p 保留得太多"))
    assert not translated(Text("top-p keeps too much", "top-p keeps too much"))
    assert not translated(Text("", "中文"))
    assert not translated(Text("English", ""))
    assert not translated(Text("中文", "中文"))
