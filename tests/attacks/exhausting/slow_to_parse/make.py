"""Long chains of what a parser tries in many ways, a quarter of a megabyte of it."""


def make(root):
    with (root / "exercises" / "steps" / "solution.py").open("a") as solution:
        for _ in range(20):
            solution.write("x = " + " if x else ".join(["x.y[x](x)"] * 90) + "\n")
            solution.write("def f(" + ", ".join(f"a{i}: 'x' = -~+-~x" for i in range(200)) + "): x = " + "-" * 80 + "x\n")
            solution.write("x = " + " + ".join(["x"] * 400) + "\n")
            solution.write("x = f'" + "{x}" * 500 + "'\n")
