"""Read a YAML file of the course with the line number of everything in it.

The only place that imports yaml. A `Section` is a mapping whose values are asked for by name and
kind; each mistake becomes a `ContentError` with file and line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import yaml

from grader.errors import ContentError
from grader.job import Text

T = TypeVar("T")
Scalar = str | int | float | bool | None


def read_manifest(path: Path) -> Section:
    """Parse a YAML file whose top level is a mapping. Raises ContentError."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise ContentError(path, "this file is missing") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ContentError(path, f"cannot be read: {error}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise ContentError(
            path, f"not valid YAML: {error.problem}", mark.line + 1 if mark else None
        ) from None
    except yaml.YAMLError as error:
        raise ContentError(path, f"not valid YAML: {error}") from None
    if not isinstance(node, yaml.MappingNode):
        raise ContentError(path, "the file must be a mapping of names to values", 1)
    return Section(path, node, "the file")


def _scalar(node: yaml.Node) -> Scalar:
    loader = yaml.SafeLoader("")
    value = loader.construct_object(node)
    return value if isinstance(value, str | int | float | bool) else None


class Section:
    """One mapping of a manifest."""

    def __init__(self, path: Path, node: yaml.MappingNode, name: str) -> None:
        self.path = path
        self.name = name
        self.line = node.start_mark.line + 1
        self._values: dict[str, yaml.Node] = {}
        for key, value in node.value:
            word = _scalar(key)
            if not isinstance(word, str):
                raise ContentError(path, f"a name was expected in {name}", key.start_mark.line + 1)
            if word in self._values:
                raise ContentError(path, f"{word!r} stands twice in {name}", key.start_mark.line + 1)
            self._values[word] = value

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def error(self, problem: str, key: str | None = None) -> ContentError:
        """Build the error for a value of this section."""
        node = self._values.get(key) if key else None
        return ContentError(self.path, problem, node.start_mark.line + 1 if node else self.line)

    def allow_only(self, *keys: str) -> None:
        """Raise for a key that is not among these."""
        for key in self:
            if key not in keys:
                raise self.error(f"unknown key {key!r} in {self.name}; known: {', '.join(keys)}", key)

    def section(self, key: str) -> Section | None:
        """Return the mapping under `key`, None where the key is absent."""
        node = self._values.get(key)
        if node is None:
            return None
        if not isinstance(node, yaml.MappingNode):
            raise self.error(f"{key!r} must be a mapping", key)
        return Section(self.path, node, key)

    def word(self, key: str, default: str | None = None) -> str:
        """Return a string."""
        if key not in self._values:
            return self._default(key, default)
        value = _scalar(self._values[key])
        if not isinstance(value, str):
            raise self.error(f"{key!r} must be text", key)
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """Return a number that is not negative."""
        if key not in self._values:
            return self._default(key, default)
        value = _scalar(self._values[key])
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
            raise self.error(f"{key!r} must be a number, zero or more", key)
        return value

    def flag(self, key: str) -> bool:
        """Return true or false; false where absent."""
        value = _scalar(self._values[key]) if key in self._values else False
        if not isinstance(value, bool):
            raise self.error(f"{key!r} must be true or false", key)
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """Return a list of strings; empty where absent."""
        node = self._values.get(key)
        if node is None:
            return ()
        values = [_scalar(item) for item in node.value] if isinstance(node, yaml.SequenceNode) else [None]
        if not all(isinstance(value, str) for value in values):
            raise self.error(f"{key!r} must be a list of names", key)
        return tuple(str(value) for value in values)

    def text(self, key: str, default: Text | None = None) -> Text:
        """Return a sentence given as {en: ..., zh: ...}."""
        section = self.section(key)
        if section is None:
            return self._default(key, default)
        section.allow_only("en", "zh")
        return Text(section.word("en"), section.word("zh"))

    def plain(self, key: str) -> object:
        """Return whatever stands under `key` as plain data."""
        return yaml.SafeLoader("").construct_object(self._values[key], deep=True)

    def _default(self, key: str, default: T | None) -> T:
        if default is None:
            raise self.error(f"{key!r} is missing in {self.name}")
        return default


def write_manifest(values: Mapping[str, object], comment: str) -> str:
    """Return a YAML file with these values below a comment."""
    text = yaml.safe_dump(dict(values), allow_unicode=True, sort_keys=False, width=110)
    return f"# {comment}\n{text}"
