"""Brackets."""


def make(root):
    with (root / "exercises" / "steps" / "solution.py").open("a") as solution:
        solution.write("x = " + "(" * 100_000 + ")" * 100_000 + "\n")
