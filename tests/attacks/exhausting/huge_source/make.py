"""A solution of 50 MB."""


def make(root):
    with (root / "exercises" / "steps" / "solution.py").open("a") as solution:
        solution.write("# " + "x" * (50 << 20) + "\n")
