"""A null byte."""


def make(root):
    with (root / "exercises" / "steps" / "solution.py").open("ab") as solution:
        solution.write(b"x = 1\0\n")
