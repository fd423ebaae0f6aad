"""What is read must neither wait nor lead elsewhere."""

import os


def make(root):
    folder = root / "exercises" / "steps"
    (folder / "solution.py").unlink()
    os.mkfifo(folder / "solution.py")
    (folder / "PSEUDOCODE.md").unlink()
    (folder / "PSEUDOCODE.md").mkdir()
    (folder / "loop.py").symlink_to("loop.py")
    (folder / "random.py").symlink_to("/dev/urandom")
