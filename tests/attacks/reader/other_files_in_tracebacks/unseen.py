FORGED = (
    "@@COURSE@@/grader.yaml",
    "../../../grader/cli.py",
    "/etc/passwd",
    "grader/cli.py",
    ".github/workflows/grade.yml",
)


def raising(file):
    """Raise in code that says it stands in another file, far below."""
    space = {}
    exec(compile("\n" * 4711 + "def f(): raise ValueError('there')", file, "exec"), space)
    space["f"]()


def dot(a, b):
    raising(FORGED[0])


def normalise(x):
    raise SyntaxError("forged", (FORGED[1], 4711, 1, "import os; os.system('id')"))


def largest(x, k):
    raising(FORGED[3])


class Mean:
    def __init__(self):
        raise SyntaxError("forged", (FORGED[4], 4711, 1, "permissions: write-all"))
