"""Ten thousand files."""


def make(root):
    folder = root / "exercises" / "steps" / "more"
    folder.mkdir()
    for number in range(10_000):
        (folder / f"x{number}.py").touch()
