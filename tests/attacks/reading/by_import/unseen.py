# Python's own ways to files: imports, runpy, linecache, zipimport, resources, source of what is imported.
import importlib.util
import linecache
import runpy
import sys

COURSE = "@@COURSE@@"
HIDDEN = f"{COURSE}/exercises/vectors/hidden_tests"
sys.path += [HIDDEN, f"{COURSE}/exercises/vectors/reference", COURSE]
importlib.invalidate_caches()
for name in ("test_vectors", "samples", "exercises.vectors.reference.solution", "exercises.vectors.mutants"):
    try:
        importlib.import_module(name)
    except ImportError:
        continue
    found(f"import {name}")
for name in (
    "grader.plugin",
    "grader.checks",
    "grader.rng",
    "grader.store",
    "grader.wall.launch",
    "grader.job",
):
    try:
        importlib.import_module(name)
    except ImportError:
        continue
    found(f"import {name}")
attempt("runpy", runpy.run_path, f"{HIDDEN}/test_vectors.py")
if linecache.getlines(f"{HIDDEN}/test_vectors.py"):
    found("linecache")
del sys.path[-3:]
report()
