"""Make bare repositories, also such as git itself would refuse to make."""

import hashlib
import os
import struct
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

    def commit(self, files, parents=None, branch="main", date=1_700_000_000, tree="", message=b"work"):
        """Commit files, or a tree, on a branch; return the commit. Without `parents`, after the last one."""
        parents = ([self.tip] if self.tip else []) if parents is None else parents
        person = PERSON % date
        rows = [f"tree {tree or self.files(files)}", *(f"parent {parent}" for parent in parents)]
        content = (
            "\n".join(rows).encode()
            + b"\nauthor "
            + person
            + b"\ncommitter "
            + person
            + b"\n\n"
            + message
            + b"\n"
        )
        self.tip = self.put("commit", content)
        self.first = self.first or self.tip
        (self.path / "refs" / "heads" / branch).write_text(f"{self.tip}\n")
        return self.tip


def nested(bare, levels, name, tree=""):
    """Put a tree under many folders of one name, and commit it; the tree holds one file."""
    tree = tree or bare.tree([("100644", b"f", bare.put("blob", b"x"))])
    for _ in range(levels):
        tree = bare.tree([("40000", os.fsencode(name), tree)])
    return bare.commit({}, tree=tree)


def tree_bomb(bare, levels=8, width=10, mode="100644"):
    """Commit a tree whose every folder holds the next, `width` times; with another mode, without a file."""
    bomb = bare.tree([(mode, b"f", bare.put("blob", b"x"))] if mode == "100644" else [])
    for _ in range(levels):
        bomb = bare.tree([("40000", b"%d" % i, bomb) for i in range(width)])
    return bare.commit({}, tree=bomb)


def delta_bomb(bare, objects, megabytes):
    """Commit files that are deltas of a few hundred bytes, and of many megabytes when they are unpacked.

    They have made-up names: who only passes them on, as a server does, never finds out.
    """
    base = bytes(1 << 20)
    packed = [(bare_name("blob", base), _entry(3, len(base), zlib.compress(base, 9)))]
    source = packed[0][0]
    for number in range(objects):
        tail = b"%08d" % number
        # Copy 1 MiB from offset 0 (a size whose third byte is 0x10), over and over; then a few bytes.
        copies = bytes([0x80 | 0x40, 0x10]) * megabytes
        delta = (
            _size(len(base)) + _size(len(base) * megabytes + len(tail)) + copies + bytes([len(tail)]) + tail
        )
        name = hashlib.sha1(b"bomb" + tail).hexdigest()
        packed.append((name, _entry(7, len(delta), bytes.fromhex(source) + zlib.compress(delta))))
    _write_pack(bare.path / "objects" / "pack", packed)
    return bare.commit({}, tree=bare.tree([("100644", b"f%d" % i, n) for i, (n, _) in enumerate(packed)]))


def bare_name(kind, content):
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content).hexdigest()


def _size(number):
    """Write a number as deltas have it: seven bits a byte, the low ones first."""
    found = b""
    while number > 0x7F:
        found += bytes([0x80 | number & 0x7F])
        number >>= 7
    return found + bytes([number])


def _entry(kind, size, packed):
    """Write an object as packs have it."""
    first, rest = size & 0x0F, size >> 4
    return (bytes([0x80 | kind << 4 | first]) + _size(rest) if rest else bytes([kind << 4 | first])) + packed


def _write_pack(folder, packed):
    """Write a pack and its index (version 2) from names and entries."""
    folder.mkdir(parents=True)
    body, rows = b"PACK" + struct.pack(">II", 2, len(packed)), []
    for name, entry in packed:
        rows.append((bytes.fromhex(name), zlib.crc32(entry), len(body)))
        body += entry
    checksum = hashlib.sha1(body).digest()
    rows.sort()
    fanout = [sum(name[0] <= first for name, _, _ in rows) for first in range(256)]
    index = b"\xfftOc" + struct.pack(">I256I", 2, *fanout) + b"".join(name for name, _, _ in rows)
    index += b"".join(struct.pack(">I", crc) for _, crc, _ in rows)
    index += b"".join(struct.pack(">I", at) for _, _, at in rows) + checksum
    path = folder / f"pack-{checksum.hex()}"
    path.with_suffix(".pack").write_bytes(body + checksum)
    path.with_suffix(".idx").write_bytes(index + hashlib.sha1(index).digest())
