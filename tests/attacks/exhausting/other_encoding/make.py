"""UTF-16."""


def make(root):
    path = root / "exercises" / "steps" / "solution.py"
    path.write_text(path.read_text(), encoding="utf-16")
