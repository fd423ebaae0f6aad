"""As some editors on Windows write it."""


def make(root):
    path = root / "exercises" / "steps" / "solution.py"
    path.write_text(path.read_text(), encoding="utf-8-sig")
