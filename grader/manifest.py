"""Read a YAML file of the course with the line number of everything in it.

The only place that imports yaml. A `Section` is a mapping whose values are asked for by name and
kind; each mistake becomes a `ContentError` with file and line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import yaml
from yaml.constructor import SafeConstructor

from grader.errors import ContentError
from grader.job import Text

T = TypeVar("T")
_LONGEST = 100  # characters of a name
Scalar = str | int | float | bool | None
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where libyaml is there


def is_name(word: str) -> bool:
    """Say whether `word` can name a function, a class, or a folder that is a module."""
    return word.isidentifier() and len(word) <= _LONGEST


def read_manifest(path: Path) -> Section:
    """Parse a YAML file whose top level is a mapping. Raises ContentError."""
    text = _read(path)
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise ContentError(
            path, f"not valid YAML: {error.problem}", mark.line + 1 if mark else None
        ) from None
    except yaml.reader.ReaderError as error:
        raise ContentError(path, f"not valid YAML: {error.reason}", _line_of_odd(text)) from None
    except RecursionError:
        raise ContentError(path, "not valid YAML: nested too deep", 1) from None
    if not isinstance(node, yaml.MappingNode):
        raise ContentError(path, "the file must be a mapping of names to values", 1)
    return Section(path, node, "the file")


def _line_of_odd(text: str) -> int:
    """Find the first character that YAML does not allow: libyaml counts bytes, Python's reader characters."""
    odd = yaml.reader.Reader.NON_PRINTABLE.search(text)
    return text.count("\n", 0, odd.start()) + 1 if odd else 1


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ContentError(path, "this file is missing") from None
    except OSError as error:
        raise ContentError(path, f"cannot be read: {error.strerror}") from None
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ContentError(path, "is not UTF-8", content.count(b"\n", 0, error.start) + 1) from None


def _value(path: Path, node: yaml.Node) -> object:
    try:
        return SafeConstructor().construct_object(node, deep=True)
    except Exception as error:  # yaml's converters raise whatever they stumble over: 2001-99-99, 0x_, <<, !!x
        said = error.problem if isinstance(error, yaml.MarkedYAMLError) else repr(error)
        raise ContentError(path, f"not a value of YAML: {said}", node.start_mark.line + 1) from None


def _scalar(path: Path, node: yaml.Node) -> Scalar:
    value = _value(path, node) if isinstance(node, yaml.ScalarNode) else None
    return value if isinstance(value, str | int | float | bool) else None


class Section:
    """One mapping of a manifest."""

    def __init__(self, path: Path, node: yaml.MappingNode, name: str) -> None:
        self.path = path
        self.name = name
        self.line = node.start_mark.line + 1
        self._values: dict[str, yaml.Node] = {}
        for key, value in node.value:
            word = _scalar(path, key)
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
        value = self._scalar(key)
        if not isinstance(value, str):
            raise self.error(f"{key!r} must be text", key)
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """Return a number that is not negative."""
        if key not in self._values:
            return self._default(key, default)
        value = self._scalar(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
            raise self.error(f"{key!r} must be a number, zero or more", key)
        return value

    def whole(self, key: str, default: int | None = None) -> int:
        """Return a whole number that is not negative."""
        value = self.number(key, default)
        if value != int(value):
            raise self.error(f"{key!r} must be a whole number", key)
        return int(value)

    def flag(self, key: str) -> bool:
        """Return true or false; false where absent."""
        value = self._scalar(key) if key in self._values else False
        if not isinstance(value, bool):
            raise self.error(f"{key!r} must be true or false", key)
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """Return a list of strings; empty where absent."""
        node = self._values.get(key)
        if node is None:
            return ()
        is_list = isinstance(node, yaml.SequenceNode)
        values = [_scalar(self.path, item) for item in node.value] if is_list else [None]
        if not all(isinstance(value, str) for value in values):
            raise self.error(f"{key!r} must be a list of words", key)
        return tuple(str(value) for value in values)

    def names(self, key: str) -> tuple[str, ...]:
        """Return a list of Python names, of functions or modules; empty where absent."""
        words = self.words(key)
        for word in words:
            if not is_name(word):
                raise self.error(f"{word!r} in {key!r} cannot be a name in Python", key)
            if words.count(word) > 1:
                raise self.error(f"{word!r} stands twice in {key!r}", key)
        return words

    def text(self, key: str, default: Text | None = None) -> Text:
        """Return a sentence given as {en: ..., zh: ...}."""
        section = self.section(key)
        if section is None:
            return self._default(key, default)
        section.allow_only("en", "zh")
        return Text(section.word("en"), section.word("zh"))

    def plain(self, key: str) -> object:
        """Return whatever stands under `key` as plain data."""
        return _value(self.path, self._values[key])

    def _scalar(self, key: str) -> Scalar:
        return _scalar(self.path, self._values[key])

    def _default(self, key: str, default: T | None) -> T:
        if default is None:
            raise self.error(f"{key!r} is missing in {self.name}")
        return default


def write_manifest(values: Mapping[str, object], comment: str) -> str:
    """Return a YAML file with these values below a comment."""
    text = yaml.safe_dump(dict(values), allow_unicode=True, sort_keys=False, width=110)
    return f"# {comment}\n{text}"
