"""The documents say what the code does, and the same in both languages."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from grader.cli import main
from grader.course import find_course
from grader.handout.allowed import READMES as HANDOUTS
from grader.handout.allowed import section
from grader.inside.size import measure

ROOT = Path(__file__).parent.parent
READMES = (ROOT / "README.md", ROOT / "README.zh.md")
COURSE = find_course(ROOT)
EXERCISES = COURSE.exercises()
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
MACHINE_PATH = re.compile(r"(?<![\w./-])/(?:work|root|home/\w+|Users/\w+)/")


def tracked():
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


TRACKED = tracked() if (ROOT / ".git").exists() else []
DOCUMENTS = [path for path in TRACKED if path.suffix == ".md" and "submissions" not in path.parts]
TRANSLATED = [path for path in DOCUMENTS if path.name == "README.zh.md"]
needs_checkout = pytest.mark.skipif(not TRACKED, reason="not a git checkout")


def text(path):
    return path.read_text(encoding="utf-8")


def commands(path):
    return [body.strip() for language, body in FENCE.findall(text(path)) if language == "bash"]


def prose(path):
    """Return a document without its code."""
    return re.sub(r"`[^`\n]+`", "", FENCE.sub("", text(path)))


def cells(row):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip())[1:-1]]


def tables(path):
    """Return the tables of a document, each a list of rows of cells."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", FENCE.sub("", text(path)), re.MULTILINE)
    return [[cells(row) for row in block.splitlines()] for block in blocks]


def marked(path, name):
    """Return what stands between the markers of that name, and in its fence."""
    block = text(path).split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0]
    return FENCE.search(block.strip() + "\n").group(2)


def name_of(path):
    return str(path.relative_to(ROOT))


def test_there_are_two_commands_and_ci_runs_the_second():
    _, second = commands(READMES[0])
    assert second in text(ROOT / ".ci" / "run").splitlines()
    assert second.endswith("-m pytest")
    assert second in commands(ROOT / ".github" / "CONTRIBUTING.md")


def test_both_languages_give_the_same_commands():
    assert commands(READMES[0]) == commands(READMES[1])


@pytest.mark.parametrize("path", READMES, ids=name_of)
@pytest.mark.parametrize("command", main.commands)
def test_every_command_is_described(path, command):
    rows = [row for table in tables(path) for row in table]
    assert any(re.match(rf"`grader {command}\b", row[0]) and row[1] for row in rows)


@pytest.mark.parametrize("path", READMES, ids=name_of)
def test_no_command_is_described_that_does_not_exist(path):
    mentioned = set(re.findall(r"\bgrader ([a-z]+)", "\n".join(re.findall(r"`[^`\n]+`", text(path)))))
    assert mentioned == set(main.commands)


@pytest.mark.parametrize("path", READMES, ids=name_of)
def test_exit_codes_are_those_of_the_help(path):
    documented = re.search(r"(?:Exit codes: |退出码：)(.*?)[.。]", text(path), re.DOTALL).group(1)
    codes = re.findall(r"^  (\d+) ", main.epilog, re.MULTILINE)
    assert re.findall(r"(?:^|[,，]\s*)(\d+)\s", documented) == codes


@pytest.mark.parametrize("path", READMES, ids=name_of)
def test_exercises_table_counts_right(path):
    rows = [row for table in tables(path) for row in table if "](exercises/" in row[0]]
    due = [
        [f"[`{e.name}`](exercises/{e.name}/{path.name})", str(len(e.tests)), str(len(e.mutants()))]
        for e in EXERCISES
    ]
    assert [[row[0], *row[2:]] for row in rows] == due


REFERENCE_SIZE = re.compile(r"(?:the reference\s+has|参考实现有) (\d+)[^\d]+([\d,]+) (?:tokens|个 token)")


@pytest.mark.parametrize("name", ["rope", "staticcache"])
def test_handouts_say_how_large_the_reference_is(name):
    exercise = COURSE.exercise(name)
    source = exercise.reference_source()
    size = measure({"": ast.parse(source)}, {"": source})
    for readme in ("README.md", "README.zh.md"):
        said = REFERENCE_SIZE.search(text(exercise.path / readme)).groups()
        assert said == (str(size["statements"]), f"{size['tokens']:,}"), readme


@pytest.mark.parametrize("path", READMES, ids=name_of)
def test_real_run_has_todays_columns_and_submissions(path):
    lines = marked(path, "run").splitlines()
    header = next(line for line in lines if line.startswith("┃"))
    assert [cell.strip() for cell in header.split("┃")[2:-2]] == list(COURSE.exercise_names)
    shown = [line.split("│")[1].strip() for line in lines if line.startswith("│")]
    assert shown == sorted(p.name for p in COURSE.submissions_path.glob("example-*"))


@pytest.mark.parametrize("path", READMES, ids=name_of)
def test_told_student_sees_titles_that_exist(path):
    zh = path.name.endswith("zh.md")
    titles = [spec.title.zh if zh else spec.title.en for exercise in EXERCISES for spec in exercise.tests]
    shown = re.findall(r"^ [✔✘◐–] +\S+ (.+)$", marked(path, "detail"), re.MULTILINE)
    assert len(shown) > 4
    for line in shown:
        assert line.startswith(tuple(titles)), f"no test is called {line!r}"


@needs_checkout
@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_relative_links_resolve(path):
    for link in LINK.findall(prose(path)):
        if not link.startswith(("https://", "http://", "mailto:", "#")):
            assert (path.parent / link.partition("#")[0]).exists(), f"{path} links to {link}"


@needs_checkout
@pytest.mark.parametrize("path", TRANSLATED, ids=name_of)
def test_both_languages_have_the_same_tables(path):
    for zh, en in zip(tables(path), tables(path.with_name("README.md")), strict=True):
        assert [len(row) for row in zh] == [len(row) for row in en]


@needs_checkout
@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_tables_are_rectangular(path):
    for table in tables(path):
        assert len({len(row) for row in table}) == 1, f"a table in {path} has rows of different lengths"


@needs_checkout
def test_every_handout_is_in_both_languages():
    for exercise in EXERCISES:
        assert {exercise.path / "README.md", exercise.path / "README.zh.md"} <= set(DOCUMENTS)


@needs_checkout
def test_no_file_names_a_place_on_somebodys_machine():
    files = [path for path in TRACKED if "tests" not in path.relative_to(ROOT).parts]  # tests try such places
    found = {
        name_of(path): MACHINE_PATH.findall(path.read_bytes().decode("utf-8", "replace")) for path in files
    }
    assert {name: paths for name, paths in found.items() if paths} == {}


def test_map_of_the_code_names_every_module_and_no_other():
    package = ROOT / "grader"
    modules = {str(p.relative_to(package)) for p in package.rglob("*.py") if p.name != "__init__.py"}
    rows = [row for table in tables(ROOT / "docs" / "architecture.md") for row in table]
    assert set(re.findall(r"`([\w/]+\.py)`", "\n".join(row[0] for row in rows))) == modules


def test_changes_are_asked_for_in_the_same_words_everywhere():
    starters = [path.read_text(encoding="utf-8") for path in ROOT.glob("exercises/*/starter/PSEUDOCODE.md")]
    sections = [text.partition("## Changes")[2] for text in starters if "## Changes" in text]
    assert len(sections) == 3
    assert len(set(sections)) == 1


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("README.md", "A tuple and a list are the same to every test"),
        ("README.zh.md", "元组与列表在所有测试中都视为相同"),
    ],
)
def test_every_handout_says_that_kinds_of_sequences_do_not_matter(name, rule):
    handouts = list(ROOT.glob(f"exercises/*/{name}"))
    assert len(handouts) == 5
    assert [path for path in handouts if rule not in path.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_a_handout_lists_what_its_exercise_allows(exercise, lang):
    made = section(exercise, lang)
    assert text(exercise.path / HANDOUTS[lang]).count(made) == 1, "run: python -m grader.handout.allowed"
    listed = [*exercise.policy.imports, *exercise.policy.banned]
    listed += [name for names in (exercise.policy.names or {}).values() for name in names]
    assert [name for name in listed if f"`{name}`" not in made] == []
