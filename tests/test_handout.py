"""`grader handout`: what students get is complete, works, and holds nothing hidden."""

import ast
import base64
import csv
import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from grader.check import check
from grader.cli import main
from grader.course import find_course
from grader.errors import ContentError, UsageError
from grader.handout import add_kits, write_handout

ROOT = Path(__file__).parent.parent
COURSE = find_course(ROOT)
HIDDEN = ("reference", "hidden_tests", "mutants", "variants", "kit")
PUBLIC = ("starter", "public_tests")
LONG = 40  # characters of a line that is told apart from boilerplate


def files(root):
    """Return the contents of all files of a repository and of the wheel in it, git's own left out."""
    found = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(root).parts
    }
    (wheel,) = (root / "wheels").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        return found | {f"wheel/{name}": archive.read(name) for name in archive.namelist()}


def lines(content):
    """Return the long lines of a text, without spaces at their ends and between words made one."""
    text = content.decode("utf-8", "replace")
    return {line for raw in text.splitlines() if len(line := " ".join(raw.split())) >= LONG}


def lines_below(folders):
    return {
        line
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
        for line in lines(path.read_bytes())
    }


def git(root, *arguments):
    command = ["git", "-c", "safe.directory=*", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def handout(tmp_path_factory):
    """The student repository of the real course; tests only look at it."""
    folder = tmp_path_factory.mktemp("handout") / "student"
    write_handout(COURSE, folder)
    return folder


@pytest.fixture(scope="module")
def everything(handout):
    return files(handout)


# ------------------------------------------------------------------ complete


@pytest.mark.parametrize("name", COURSE.exercise_names)
def test_each_exercise_is_there(handout, name):
    folder, source = handout / "exercises" / name, ROOT / "exercises" / name
    for file in ("solution.py", "PSEUDOCODE.md"):
        assert (folder / file).read_bytes() == (source / "starter" / file).read_bytes()
        assert (folder / "starter" / file).read_bytes() == (source / "starter" / file).read_bytes()
    for file in ("README.md", "README.zh.md"):
        assert (folder / file).read_bytes() == (source / file).read_bytes()
    tests = {p.relative_to(source): p.read_bytes() for p in (source / "public_tests").glob("**/*.py")}
    assert tests
    assert {p: (folder / p).read_bytes() for p in tests} == tests


def test_it_is_a_repository_of_one_commit(handout):
    assert git(handout, "rev-list", "--count", "--all").strip() == "1"
    assert git(handout, "status", "--porcelain") == ""
    assert git(handout, "branch", "--show-current").strip() == "main"
    assert not list((handout / ".git" / "hooks").glob("*"))


@pytest.mark.parametrize("name", COURSE.exercise_names)
def test_its_manifests_say_what_the_courses_say(handout, name):
    ours = COURSE.exercise(name)
    theirs = find_course(handout, student=True).exercise(name)
    assert (theirs.limits, theirs.interface, theirs.policy) == (ours.limits, ours.interface, ours.policy)
    assert (theirs.title, theirs.requires, theirs.preload) == (ours.title, ours.requires, ours.preload)
    public = [spec for spec in ours.tests if spec.public]
    assert list(theirs.tests[: len(public)]) == public
    assert sum(spec.points for spec in theirs.tests) == 0
    starter = ast.parse((ours.path / "starter" / "solution.py").read_text())
    defined = {node.name for node in starter.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert defined & set(ours.interface.names) <= set(theirs.published.signatures)


def test_links_lead_somewhere(handout):
    for path in handout.rglob("*.md"):
        text = re.sub(r"`[^`\n]+`|^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if not link.startswith(("https://", "http://", "#")):
                assert (path.parent / link.partition("#")[0]).exists(), f"{path} links to {link}"


def test_readmes_are_filled_in_and_agree(handout):
    english, chinese = ((handout / f"README{x}.md").read_text() for x in ("", ".zh"))
    fence = re.compile(r"^```bash\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    assert fence.findall(english) == fence.findall(chinese)
    for text, title in ((english, "en"), (chinese, "zh")):
        assert f"# {getattr(COURSE.title, title)}" in text
        assert "$" not in text
        for exercise in COURSE.exercises():
            row = next(line for line in text.splitlines() if f"[`{exercise.name}`]" in line)
            bonus = sum(spec.points for spec in exercise.tests if spec.bonus)
            assert getattr(exercise.title, title) in row
            assert row.endswith(f"| 100 + {bonus:g} |")
            assert all(f"`{name}`" in row for name in exercise.requires)
        mentioned = set(re.findall(r"`(?:\.venv/bin/)?grader ([a-z]+)", text))
        assert {"check", "doctor"} <= mentioned <= set(main.commands)


def test_workflow_may_read_only_and_does_what_the_readme_says(handout):
    text = (handout / ".github" / "workflows" / "check.yml").read_text()
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    assert [job["permissions"] for job in workflow["jobs"].values()] == [{"contents": "read"}]
    assert "secrets" not in text
    assert "token" not in text.lower()
    (job,) = workflow["jobs"].values()
    assert job["timeout-minutes"] <= 30
    steps = job["steps"]
    used = [step["uses"] for step in steps if "uses" in step]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) for action in used)
    assert steps[0]["with"] == {"persist-credentials": False}
    commands = "\n".join(step.get("run", "") for step in steps)
    (wheel,) = (handout / "wheels").iterdir()
    install = f"--torch-backend cpu wheels/{wheel.name}"
    assert install in commands
    assert install in (handout / "README.md").read_text()
    assert steps[-1]["run"] == "grader check"


# ------------------------------------------------------------------ nothing hidden


def test_no_hidden_path(everything):
    forbidden = {*HIDDEN, "samples.py", "submissions", "__pycache__"}
    for path in everything:
        assert not forbidden.intersection(Path(path).parts), path
    assert {path.split("/")[1] for path in everything if path.startswith("exercises/")} == set(
        COURSE.exercise_names
    )


def test_the_wheel_holds_the_grader_alone(everything):
    inside = [path.removeprefix("wheel/") for path in everything if path.startswith("wheel/")]
    assert {path.split("/")[0].split("-")[0] for path in inside} == {"grader", "llm_course_grader"}
    package = ROOT / "grader"
    code = {f"grader/{p.relative_to(package).as_posix()}" for p in package.rglob("*.py")}
    assert code <= set(inside)
    assert "exercises/" not in "\n".join(inside)


def test_no_hidden_line(everything):
    """No line of a hidden file is in the handout or its wheel, unless a published file has it, too."""
    exercises = [ROOT / "exercises" / name for name in COURSE.exercise_names]
    public = lines_below(e / name for e in exercises for name in PUBLIC)
    public |= {line for e in exercises for f in e.glob("README*.md") for line in lines(f.read_bytes())}
    hidden = lines_below(e / name for e in exercises for name in HIDDEN) - public
    assert len(hidden) > 1000
    imports = re.compile(r"(from [\w.]+ )?import [\w., ()]+$")  # of the standard library, torch and checks
    for path, content in everything.items():
        told = {line for line in hidden & lines(content) if not imports.match(line)}
        by_chance = 1 if path.startswith("wheel/grader/") else 0  # the grader's own code is no exercise's
        assert len(told) <= by_chance, f"{path} has {sorted(told)[:5]}"


def test_no_hidden_hint(everything):
    """Hints of hidden tests and of mistakes are told when they fit, and not before."""
    exercises = COURSE.exercises()
    readmes = "".join((e.path / f"README{x}.md").read_text() for e in exercises for x in ("", ".zh"))
    hints = [spec.hint for e in exercises for spec in e.tests if not spec.public and spec.hint]
    hints += [mutant.hint for e in exercises for mutant in e.mutants()]
    sentences = {text for hint in hints for text in (hint.en, hint.zh) if text not in readmes}
    assert len(sentences) > 100
    for path, content in everything.items():
        text = content.decode("utf-8", "replace")
        assert [s for s in sentences if s in text] == [], path


def test_the_search_for_hidden_lines_finds_them(tmp_path):
    """What these tests look for would be found."""
    reference = ROOT / "exercises" / "sampling" / "reference" / "solution.py"
    assert lines(reference.read_bytes()) & lines_below([reference.parent])
    assert lines(b"    x =  1" + b"0" * LONG) == {"x = 1" + "0" * LONG}


# ------------------------------------------------------------------ the wheel


def test_the_wheel_installs_and_runs_elsewhere(handout, tmp_path):
    (wheel,) = (handout / "wheels").iterdir()
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-index",
        "--no-deps",
        "--target",
        tmp_path / "site",
    ]
    subprocess.run([*pip, wheel], check=True, timeout=300)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); import grader; print(grader.__file__); "
        "sys.argv = ['grader', 'check', '--no-sandbox']; from grader.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=handout, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.startswith(str(tmp_path / "site"))
    assert done.returncode == 1, done.stderr
    assert "0 of " in done.stdout
    assert (tmp_path / "site" / "bin" / "grader").is_file()


def test_the_wheel_keeps_its_record(handout):
    (wheel,) = (handout / "wheels").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        (record,) = [name for name in archive.namelist() if name.endswith(".dist-info/RECORD")]
        rows = list(csv.reader(archive.read(record).decode().splitlines()))
        assert {row[0] for row in rows} == set(archive.namelist())
        for name, digest, size in rows:
            content = archive.read(name)
            due = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            assert name == record or (digest, int(size)) == (f"sha256={due}", len(content))
        metadata = archive.read(record.replace("RECORD", "METADATA")).decode()
    assert "Requires-Dist: torch" in metadata
    assert "extra ==" not in metadata


# ------------------------------------------------------------------ worth nothing, until it is written


def as_submission(repository, course, name):
    shutil.copytree(
        repository, course / "submissions" / name, ignore=shutil.ignore_patterns(".git", "wheels")
    )


def solve(repository, course):
    for folder in (course / "exercises").iterdir():
        for file in ("solution.py", "PSEUDOCODE.md"):
            shutil.copy(folder / "reference" / file, repository / "exercises" / folder.name)


@pytest.mark.parametrize("exercise", ["vectors", "sampling"])
def test_a_fresh_handout_scores_0_and_the_references_score_100(tmp_path, make_course, exercise):
    course = make_course(tmp_path / "course")
    if exercise != "vectors":
        shutil.rmtree(course.exercise)
        course.name = exercise
        shutil.copytree(ROOT / "exercises" / exercise, course.exercise)
        manifest = course.root / "grader.yaml"
        manifest.write_text(manifest.read_text().replace("[vectors]", f"[{exercise}]"))
    student = tmp_path / "student"
    write_handout(find_course(course.root), student)
    as_submission(student, course.root, "fresh")
    solve(student, course.root)
    as_submission(student, course.root, "solved")
    done = course.grader("run", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    scores = {name: job["score"] for name, job in course.scores().items()}
    assert (scores["fresh"]["points"], scores["fresh"]["bonus"]) == (0, 0)
    assert scores["solved"]["points"] == scores["solved"]["maximum"]
    assert scores["solved"]["maximum"] + scores["solved"]["ungradable"] == 100
    own = find_course(student, student=True)
    (row,) = check(own, own.exercises())
    assert {str(case.outcome) for case in row.cases} == {"passed"}


# ------------------------------------------------------------------ kits, and what is refused


@pytest.fixture
def with_kit(course):
    (course.exercise / "kit").mkdir()
    shutil.copy(course.exercise / "variants" / "loops.py", course.exercise / "kit" / "solution.py")
    return course


def test_kits_come_later(with_kit, tmp_path):
    student = tmp_path / "student"
    done = with_kit.grader("handout", str(student))
    assert done.returncode == 0, done.stderr
    kit = student / "exercises" / "vectors" / "kit" / "solution.py"
    assert not kit.exists()
    done = with_kit.grader("handout", str(student), "--kit", "vectors")
    assert done.returncode == 0, done.stderr
    assert kit.read_bytes() == (with_kit.exercise / "kit" / "solution.py").read_bytes()
    assert git(student, "status", "--porcelain").split() == ["??", "exercises/vectors/kit/"]


def test_kits_from_the_beginning(with_kit, tmp_path):
    student = tmp_path / "student"
    done = with_kit.grader("handout", str(student), "--kit", "vectors")
    assert done.returncode == 0, done.stderr
    assert (student / "exercises" / "vectors" / "kit" / "solution.py").is_file()
    assert git(student, "status", "--porcelain") == ""


def test_a_kit_is_never_overwritten(with_kit, tmp_path):
    course = find_course(with_kit.root)
    write_handout(course, tmp_path / "student", ["vectors"])
    add_kits(course, tmp_path / "student", ["vectors"])  # the same again: nothing is lost
    kit = tmp_path / "student" / "exercises" / "vectors" / "kit" / "solution.py"
    kit.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        add_kits(course, tmp_path / "student", ["vectors"])
    assert kit.read_text() == "mine"


def test_an_exercise_without_a_kit(course, tmp_path):
    with pytest.raises(ContentError, match="the exercise has no kit"):
        write_handout(find_course(course.root), tmp_path / "student", ["vectors"])
    assert list(tmp_path.iterdir()) == [course.root]  # nothing half-made is left


def test_a_folder_in_use_is_left_alone(course, tmp_path):
    student = tmp_path / "student"
    student.mkdir()
    (student / "mine.txt").write_text("mine")
    done = course.grader("handout", str(student))
    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert [path.name for path in student.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_fine(course, tmp_path):
    (tmp_path / "student").mkdir()
    write_handout(find_course(course.root), tmp_path / "student")
    assert (tmp_path / "student" / "grader.yaml").is_file()


@pytest.mark.parametrize("fixture", ["reference", "samples", "inspection"])
def test_a_public_test_cannot_need_what_students_lack(course, tmp_path, fixture):
    path = course.exercise / "public_tests" / "test_public.py"
    path.write_text(path.read_text().replace("(student, device)", f"(student, device, {fixture})"))
    with pytest.raises(ContentError, match=f"test_public.py:8: a public test cannot use '{fixture}'"):
        write_handout(find_course(course.root), tmp_path / "student")


def test_parameters_of_a_public_test_are_its_own(course, tmp_path):
    path = course.exercise / "public_tests" / "test_public.py"
    mark = "@pytest.mark.parametrize(('factor', 'due'), [(1.0, 11.0)])\ndef test_public_dot(factor, due, "
    path.write_text("import pytest\n" + path.read_text().replace("def test_public_dot(", mark))
    write_handout(find_course(course.root), tmp_path / "student")
    assert (tmp_path / "student" / "exercises" / "vectors" / "public_tests" / "test_public.py").is_file()
