"""Make bare repositories, also such as git itself would refuse to make."""

import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

LINK, SUBMODULE = "120000", "160000"
PERSON = b"A Student <student@example.org> %d +0000"


@dataclass(frozen=True)
class Special:
    """A tree's entry that is no ordinary file."""

    mode: str
    content: bytes = b""
    hash: str = ""


def link(target):
    return Special(LINK, os.fsencode(target))


def submodule(commit="1" * 40):
    return Special(SUBMODULE, hash=commit)


class Bare:
    """A bare repository whose objects are written by hand."""

    def __init__(self, path, branch="main"):
        self.path = Path(path)
        (self.path / "objects").mkdir(parents=True)
        (self.path / "refs" / "heads").mkdir(parents=True)
        (self.path / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
        (self.path / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
        self.first = self.tip = ""

    def put(self, kind, content):
        """Write an object; return its hash."""
        whole = f"{kind} {len(content)}\0".encode() + content
        name = hashlib.sha1(whole).hexdigest()
        path = self.path / "objects" / name[:2] / name[2:]
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(zlib.compress(whole, 1))
        return name

    def tree(self, entries):
        """Write a tree from (mode, name, hash), in git's order."""
        rows = sorted(entries, key=lambda e: e[1] + b"/" if e[0] == "40000" else e[1])
        return self.put(
            "tree", b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(h) for mode, name, h in rows)
        )

    def files(self, files):
        """Write a tree from paths and contents; return its hash."""
        here, below = [], {}
        for path, content in files.items():
            first, slash, rest = os.fsencode(path).partition(b"/")
            if slash:
                below.setdefault(first, {})[rest] = content
            elif isinstance(content, Special):
                here.append((content.mode, first, content.hash or self.put("blob", content.content)))
            else:
                here.append(
                    (
                        "100644",
                        first,
                        self.put("blob", content.encode() if isinstance(content, str) else content),
                    )
                )
        here += [("40000", name, self.files(inner)) for name, inner in below.items()]
        return self.tree(here)

    def commit(self, files, parents=None, branch="main", date=1_700_000_000, tree=""):
        """Commit files, or a tree, on a branch; return the commit. Without `parents`, after the last one."""
        parents = ([self.tip] if self.tip else []) if parents is None else parents
        person = PERSON % date
        rows = [f"tree {tree or self.files(files)}", *(f"parent {parent}" for parent in parents)]
        content = "\n".join(rows).encode() + b"\nauthor " + person + b"\ncommitter " + person + b"\n\nwork\n"
        self.tip = self.put("commit", content)
        self.first = self.first or self.tip
        (self.path / "refs" / "heads" / branch).write_text(f"{self.tip}\n")
        return self.tip
