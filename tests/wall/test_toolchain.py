"""torch.compile with g++ behind the wall: it works, and what one job compiles no other job sees."""

import shutil

import pytest

from grader.job import Limits
from grader.trial import COMPILER
from grader.wall.launch import Wall

from .conftest import LIBRARY, Shell

LIMITS = Limits(cpu=100, wall=200, call=150, memory=2048, processes=64, scratch=512)
COMPILE = """
import os, torch
x = torch.arange(8.0)
compiled = torch.compile(lambda x: x.cos() * 3)
assert torch.allclose(compiled(x), x.cos() * 3)
found = [name for _, _, names in os.walk(os.environ["TORCHINDUCTOR_CACHE_DIR"]) for name in names]
answer = any(name.endswith(".so") for name in found)
"""
WRITE = """
import os
for folder in (os.environ["TORCHINDUCTOR_CACHE_DIR"], "/sandbox/tmp"):
    os.makedirs(folder, exist_ok=True)
    open(folder + "/left-by-another", "w").close()
"""
LOOK = """
import os
answer = [name for here, _, names in os.walk("/sandbox") for name in names if "left-by-another" in name]
"""
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")


@pytest.fixture(scope="module")
def warm_wall():
    with Wall("A", (COMPILER,), serve="shell:serve", library=LIBRARY) as wall:
        yield wall


@pytest.fixture
def warm_shell(warm_wall):
    with warm_wall.open(LIMITS) as worker:
        yield Shell(worker)


@needs_compiler
def test_a_job_compiles_and_loads_machine_code(warm_shell):
    assert warm_shell.run(COMPILE, 150) == "True"
    assert warm_shell.worker.cpu_seconds() < 60
    own = "import os; answer = os.path.exists('/sandbox/tmp/headers')"
    assert warm_shell.run(own) == "False"  # the template's header has served


@needs_compiler
def test_a_cold_job_compiles_too():
    with Wall("C", (COMPILER,), serve="shell:serve", library=LIBRARY) as wall, wall.open(LIMITS) as worker:
        assert Shell(worker).run(COMPILE, 150) == "True"


@pytest.mark.parametrize(
    "statement",
    [
        "open('/headers/mine', 'w')",
        "os.mkdir('/headers/mine')",
        "[open('/headers/' + name, 'r+') for name in [*os.listdir('/headers'), 'none']]",
        "[os.remove('/headers/' + name) for name in [*os.listdir('/headers'), 'none']]",
        "os.chmod('/headers', 0o777)",
    ],
)
def test_the_shared_header_cannot_be_changed(warm_shell, statement):
    assert warm_shell.try_to(statement) in ("OSError", "PermissionError")


def test_nothing_of_a_job_is_there_for_the_next(warm_wall):
    with warm_wall.open(LIMITS) as worker:
        Shell(worker).run(WRITE)
        assert "left-by-another" in Shell(worker).run(LOOK)
    with warm_wall.open(LIMITS) as worker:
        assert Shell(worker).run(LOOK) == "[]"


def test_caches_lie_in_the_jobs_own_scratch(any_shell):
    names = "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_CACHE_PATH"
    home, *caches = any_shell.run(
        f"import os; answer = '|'.join(os.environ[n] for n in ('HOME', *{names}))"
    ).split("|")
    scratch = home.rpartition("/")[0]
    assert all(cache.startswith(f"{scratch}/") for cache in caches)
