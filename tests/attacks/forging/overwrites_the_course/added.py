import os
import pathlib
import shutil

COURSE = pathlib.Path("@@COURSE@@")
TARGETS = (
    COURSE / "grader.yaml",
    COURSE / "exercises/vectors/exercise.yaml",
    COURSE / "exercises/vectors/hidden_tests/test_vectors.py",
    COURSE / "exercises/vectors/reference/solution.py",
    COURSE / "submissions/forging.overwrites_the_course/exercises/vectors/solution.py",
    COURSE / ".grader/results.sqlite",
)


def try_to(act, *arguments):
    try:
        act(*arguments)
    except OSError:
        pass


for path in TARGETS:
    try_to(path.write_text, "def test_dot(): pass")
    try_to(os.truncate, path, 0)
    try_to(os.rename, path, str(path) + ".gone")
    try_to(os.unlink, path)
shutil.rmtree(COURSE, ignore_errors=True)
