import importlib.util
import py_compile
import sys

for module in ("json", "torch", "grader", "grader.inside.worker", "numpy", "random"):
    file = sys.modules[module].__file__ if module in sys.modules else importlib.util.find_spec(module).origin
    cached = importlib.util.cache_from_source(file)
    attempt(f"compile {module}", py_compile.compile, file, None, None, True)
    attempt(f"write {cached}", lambda cached=cached: os.open(cached, os.O_CREAT | os.O_WRONLY))
attempt("headers", lambda: os.open("/headers/x.gch", os.O_CREAT | os.O_WRONLY))
report()
