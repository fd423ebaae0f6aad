# Modules, objects and frames of the process that was forked.
import gc
import sys

ours = {n for n in sys.modules if n.partition(".")[0] == "grader"}
if trusted := {n for n in ours if n not in ("grader",) and not n.startswith("grader.inside")}:
    found(trusted)
if tests := {
    n for n in sys.modules if n.partition(".")[0] in ("pytest", "_pytest", "unittest.mock", "sqlite3", "yaml")
}:
    found(tests)
frame = sys._getframe()
while frame is not None:
    for name, value in list(frame.f_locals.items()):
        if name in ("expected", "reference", "rng", "seed", "submission", "exercise"):
            found(f"{frame.f_code.co_name}: {name} = {value!r}")
    frame = frame.f_back
gc.unfreeze()
for thing in gc.get_objects():
    origin = str(type(thing).__module__)
    if origin.startswith(("grader.", "_pytest")) and not origin.startswith("grader.inside"):
        found(type(thing))
report()
