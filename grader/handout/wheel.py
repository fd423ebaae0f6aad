"""Pack the installed grader into a wheel: students cannot reach the course's repository.

Written by hand rather than with a build tool: what goes in is then decided here, and it works offline,
from a checkout as from an installed package.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import grader

DISTRIBUTION = "llm-course-grader"
_HEADERS = ("Name", "Version", "Summary", "License-Expression", "Requires-Python")
_WHEEL = "Wheel-Version: 1.0\nGenerator: grader handout\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same files give the same wheel
_PLAIN_FILE = 0o644 << 16


def write_wheel(folder: Path) -> Path:
    """Write the wheel of the grader's own code into a folder and return its path."""
    found = distribution(DISTRIBUTION)
    stem = f"{DISTRIBUTION.replace('-', '_')}-{found.version}"
    info = f"{stem}.dist-info"
    files = {
        **_package(),
        f"{info}/METADATA": _metadata(found).encode(),
        f"{info}/WHEEL": _WHEEL.encode(),
        f"{info}/entry_points.txt": b"[console_scripts]\ngrader = grader.cli:main\n",
    }
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD").encode()
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.external_attr = _PLAIN_FILE
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return path


def requirement(package: str) -> str:
    """Return what the grader requires of a package, as a pyproject.toml has it."""
    return next(line for line in distribution(DISTRIBUTION).requires or () if line.startswith(package))


def _package() -> dict[str, bytes]:
    """Return the package's files: code, type marker, templates."""
    root = Path(grader.__file__).parent
    templates = [p for p in (root / "handout" / "templates").iterdir() if p.is_file()]
    wanted = [*root.rglob("*.py"), root / "py.typed", root / "shared_tests" / "pytest.ini", *templates]
    return {f"grader/{path.relative_to(root).as_posix()}": path.read_bytes() for path in sorted(wanted)}


def _metadata(found: Distribution) -> str:
    """Return the distribution's metadata without its README and its extras."""
    lines = [f"{name}: {found.metadata[name]}" for name in _HEADERS if name in found.metadata]
    lines += [f"Requires-Dist: {line}" for line in found.requires or () if "extra ==" not in line]
    return "\n".join(["Metadata-Version: 2.4", *lines, ""])


def _record(files: dict[str, bytes], own: str) -> str:
    rows = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(content)}")
    return "\n".join([*rows, f"{own},,", ""])
