"""Only what was inspected runs: modules come from memory, and what is written at run time is data."""

import pytest

from grader.exercise import Interface
from grader.remote import RemoteModule, StudentError, Violation

GOOD, BAD = "def f(): return 'inspected'", "def f(): return 'written'"
NEW = "import pathlib\nHOME = pathlib.Path(__file__).parent\n"
SAFE = "import importlib, sys\n"
# Ways to have a file run that was written a moment ago. Each calls `run()`, given `folder` and `text`.
FILES = {
    "on the path": """
    (folder / "fresh.py").write_text(text)
    sys.path.insert(0, str(folder))
    return __import__("fresh").f()""",
    "in the current folder": """
    pathlib.Path("fresh.py").write_text(text)
    sys.path.insert(0, "")
    return __import__("fresh").f()""",
    "by a spec": """
    (folder / "fresh.py").write_text(text)
    spec = importlib.util.spec_from_file_location("fresh", folder / "fresh.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.f()""",
    "as a package's part": """
    (folder / "fresh.py").write_text(text)
    sys.modules["exercises.x"].__path__.append(str(folder))
    return importlib.import_module("exercises.x.fresh").f()""",
    "as part of a library": """
    (folder / "fresh.py").write_text(text)
    sys.modules["torch.nn"].__path__.append(str(folder))
    return importlib.import_module("torch.nn.fresh").f()""",
    "in an archive": """
    import zipfile
    with zipfile.ZipFile(folder / "fresh.zip", "w") as archive:
        archive.writestr("fresh.py", text)
    sys.path.insert(0, str(folder / "fresh.zip"))
    return __import__("fresh").f()""",
    "without its source": """
    import py_compile
    (folder / "late.py").write_text(text)
    py_compile.compile(str(folder / "late.py"), str(folder / "fresh.pyc"))
    sys.path.insert(0, str(folder))
    return __import__("fresh").f()""",
    "under a library's name": """
    (folder / "timeit.py").write_text(text)
    sys.modules.pop("timeit", None)
    sys.path.insert(0, str(folder))
    return __import__("timeit").f()""",
    "through a link": """
    (folder / "real.txt").write_text(text)
    (folder / "fresh.py").symlink_to(folder / "real.txt")
    sys.path.insert(0, str(folder))
    return __import__("fresh").f()""",
    "by a loader": """
    (folder / "fresh.py").write_text(text)
    loader = importlib.machinery.SourceFileLoader("fresh", str(folder / "fresh.py"))
    return loader.load_module().f()""",
    "as a script": """
    import runpy
    (folder / "fresh.py").write_text(text)
    return runpy.run_path(str(folder / "fresh.py"))["f"]()""",
}
# What an exercise might open, so that nothing but the place of the file is wrong.
OPENED = ["pathlib", "importlib", "sys", "zipfile", "py_compile", "runpy", "os", "io", "marshal"]


def load(bench, files, functions=("f",), **options):
    session = bench.session()
    interface = Interface(tuple(functions), {}, frozenset())
    contents = {f"exercises/{name}": text.encode() for name, text in files.items()}
    session.load(contents, module="exercises.x.solution", interface=interface, **options)
    return RemoteModule(session)


def test_nothing_of_a_submission_is_on_a_disk(bench):
    source = "import os\ndef f(): return [os.path.exists(p) for p in ('exercises', __file__)]"
    assert load(bench, {"x/solution.py": source}, opened=["os"]).f() == [False, False]


def test_a_helper_that_is_overwritten_is_what_was_inspected(bench):
    source = f"""{NEW}
HOME.mkdir(parents=True, exist_ok=True)
(HOME / "helper.py").write_text({BAD!r})
from . import helper
def f(): return helper.f()"""
    assert load(bench, {"x/solution.py": source, "x/helper.py": GOOD}, opened=["pathlib"]).f() == "inspected"


def test_a_module_that_was_not_handed_in_cannot_be_made(bench):
    source = f"""{NEW}
HOME.mkdir(parents=True, exist_ok=True)
(HOME / "helper.py").write_text({BAD!r})
from exercises.x import helper
def f(): return helper.f()"""
    with pytest.raises(StudentError, match=r"No module named|cannot import name"):
        load(bench, {"x/solution.py": source}, opened=["pathlib"])


@pytest.mark.parametrize("way", FILES)
def test_what_was_written_is_never_run(bench, way):
    source = f"""{SAFE}import importlib.util, importlib.machinery, pathlib
folder, text = pathlib.Path("written").absolute(), {BAD!r}
folder.mkdir()
def f(): {FILES[way]}"""
    unknown = "No module named 'exercises" if way == "as a package's part" else "never"
    with pytest.raises((Violation, StudentError)) as caught:
        load(bench, {"x/solution.py": source}, opened=OPENED).f()
    assert isinstance(caught.value, Violation) or unknown in str(caught.value)


def test_a_module_is_what_pythons_own_would_be(bench):
    source = """
import inspect, linecache, sys
from exercises.x import part
from exercises.x.deep.below import g
from .deep import below
from exercises.y.solution import h
def f():
    text = inspect.getsource(h).strip()
    return [__name__, __package__, __file__.endswith("exercises/x/solution.py"), part.VALUE, g(), below.g(),
            text, inspect.getsource(below).strip(), linecache.getline(below.__file__, 1).strip(),
            sys.modules["exercises.x"].__file__.endswith("x/__init__.py")]"""
    files = {
        "x/solution.py": source,
        "x/__init__.py": "from . import part",
        "x/part.py": "VALUE = 3",
        "x/deep/below.py": "def g(): return 4",
        "y/solution.py": "def h(): return 5",
    }
    below = "def g(): return 4"
    expected = ["exercises.x.solution", "exercises.x", True, 3, 4, 4, "def h(): return 5", below, below, True]
    assert load(bench, files).f() == expected


def test_a_second_solution_of_ours_takes_the_first_ones_place(bench):
    session = bench.session()
    interface = Interface(("f",), {}, frozenset())
    for text in (GOOD, BAD, GOOD):
        files = {"exercises/x/solution.py": text.encode(), "exercises/y/solution.py": b"A = 1"}
        session.load(files, module="exercises.x.solution", interface=interface, opened=[])
        assert RemoteModule(session).f() == ("inspected" if text == GOOD else "written")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xef\xbb\xbfdef f(): return 1", "byte-order mark"),
        (b"# coding: utf-7\ndef f(): return 1", "another encoding"),
        (b"def f(): return 1\n#\0", "null byte"),
        (b"def f(): return '\xff'", "not UTF-8"),
    ],
)
def test_a_file_that_was_not_read_does_not_run(bench, content, said):
    session = bench.session()
    interface = Interface(("f",), {}, frozenset())
    with pytest.raises(StudentError, match=said):
        session.load({"exercises/x/solution.py": content}, module="exercises.x.solution", interface=interface)


def test_lines_are_counted_as_the_check_does(bench):
    source = "def g(): pass\r\n\x0c\r\ndef f():\r\n    return 1 / 0\r\n"
    with pytest.raises(StudentError) as caught:
        load(bench, {"x/solution.py": source}).f()
    assert caught.value.frames[-1].line == 4


def test_a_loader_gives_nothing_else_to_run(bench):
    """Nothing hangs on it that could be exchanged, and code that is not of the sources does not run."""
    source = """
import sys
def f():
    finder = __spec__.loader
    finder._code = lambda name: type(f)(finder.get_code("exercises.x.solution"), {}).__code__
    finder._kind = lambda name: ("x", False)
    finder._code = lambda name: compile("def f(): return 2", "x", "exec")
    from exercises.x import more
    return more.f()
FUNCTIONS = __spec__.loader._code, __spec__.loader._text, __spec__.loader._kind
def g(): return [hasattr(function, "__closure__") for function in FUNCTIONS]"""
    student = load(bench, {"x/solution.py": source}, ("f", "g"), opened=[])
    assert student.g() == [False] * 3
    with pytest.raises(Violation):
        student.f()
