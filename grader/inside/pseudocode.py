"""Judge PSEUDOCODE.md: form only. Whether it is good is for a human to say."""

from __future__ import annotations

import ast
import io
import keyword
import re
import tokenize
import warnings
from collections.abc import Collection, Iterable, Sequence
from itertools import islice, takewhile
from typing import TypedDict

from grader.inside.reading import BROKEN

_SHORTEST, _LONGEST = 3, 40  # lines of a block
_COPIED = 0.5  # share of lines that may be the program's own
_MOST_LINES = 20_000  # of the program, that are compared
_LINE = 400  # characters beyond which a line is not compared
_HEADING = re.compile(r"###(?!#)\s*(.*)")
_CHANGES = re.compile(r"##\s*(?:Changes\b|变[化更动])", re.IGNORECASE)
_NONE = re.compile(r"\bnone\b|\bnothing\b|\bno changes?\b|无|没有|未", re.IGNORECASE)
_QUOTED = re.compile(r"`([^\W\d]\w*)[^`]*`")
_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_SIZE = r"(?:\d+|\.\.\.|…|[A-Z]\w*)(?:\s*[-+*/|]\s*\w+)*"
# A shape: `[B, S]` after a space, a colon or at the start; `x[B, S]` with sizes in capitals; `(B, S)`.
_SHAPE = re.compile(
    rf"(?<![\w\])])\[\s*[\w.…]+(?:\s*[-+*/|]\s*\w+)*(?:\s*[,，]\s*[\w.…]+(?:\s*[-+*/|]\s*\w+)*)*\s*,?\s*\]"
    rf"|\[(?=[^\]]*[A-Z.…])\s*{_SIZE}(?:\s*[,，]\s*{_SIZE})*\s*\]"
    rf"|(?<!\w)\((?=[^)]*[A-Z.…])\s*{_SIZE}\s*[,，](?:\s*{_SIZE}\s*[,，]?)*\s*\)"
)


class Problem(TypedDict):
    """What is missing, in both languages."""

    en: str
    zh: str


class Pseudocode(TypedDict):
    """`fraction` is the share of the implemented names whose block is fine; `headings` says which."""

    fraction: float
    headings: dict[str, bool]
    problems: list[Problem]


def judge(
    content: bytes | None,
    template: bytes,
    names: Sequence[str],
    sources: Iterable[str],
    known: Collection[str] | None = None,
) -> Pseudocode:
    """Judge the file against the names that are implemented. An untouched template is worth nothing.

    `known` are the names of the program where it builds on earlier exercises: the file then ends with a
    section `## Changes`, a list of those among them that were changed for this exercise, or "none".
    """
    if not names:
        return _nothing("nothing is implemented yet", "尚未实现任何函数", names)
    if content is None:
        return _nothing("PSEUDOCODE.md is missing", "缺少 PSEUDOCODE.md", names)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _nothing("PSEUDOCODE.md is not UTF-8", "PSEUDOCODE.md 不是 UTF-8 编码", names)
    given = template.decode("utf-8-sig", errors="replace")
    if text.split() == given.split():
        return _nothing("PSEUDOCODE.md is still the empty template", "PSEUDOCODE.md 仍是空白模板", names)
    blocks, templates = _blocks(text), _blocks(given)
    lines = (line for source in sources for line in source.split("\n"))
    program = frozenset(_normalise(line) for line in islice(lines, _MOST_LINES))
    headings: dict[str, bool] = {}
    problems: list[Problem] = []
    for name in names:
        problem = _problem(blocks.get(name), templates.get(name), program)
        headings[name] = problem is None
        if problem is not None:
            problems.append(Problem(en=f"`{name}`: {problem['en']}", zh=f"`{name}`：{problem['zh']}"))
    if known is not None:
        problem = _problem_of_changes(_changes(text), _changes(given), known)
        headings["## Changes"] = problem is None
        problems += [problem] if problem is not None else []
    return Pseudocode(fraction=sum(headings.values()) / len(headings), headings=headings, problems=problems)


def _nothing(en: str, zh: str, names: Sequence[str]) -> Pseudocode:
    return Pseudocode(fraction=0.0, headings=dict.fromkeys(names, False), problems=[Problem(en=en, zh=zh)])


def _blocks(text: str) -> dict[str, list[str]]:
    """Return the non-blank lines of the first fenced block under each `### name`."""
    blocks: dict[str, list[str]] = {}
    name, fence = "", ""
    lines: list[str] = []
    for line in text.splitlines():
        opening = _FENCE.match(line)
        if fence:
            if opening and opening[1].startswith(fence) and not line.strip().strip(fence[0]):
                blocks.setdefault(name, lines)
                fence, lines = "", []
            elif line.strip():
                lines.append(line)
        elif opening:
            fence = opening[1]
        elif heading := _HEADING.match(line):
            identifier = _IDENTIFIER.search(heading[1])
            name = identifier[0] if identifier else ""
            blocks.setdefault(f"### {name}", [])
    return blocks


def _problem(lines: list[str] | None, template: list[str] | None, program: frozenset[str]) -> Problem | None:
    if lines is None:
        return Problem(
            en="needs a heading `### name` with a fenced block (```) under it",
            zh="需要标题 `### 名字`，其下有一个代码块（```）",
        )
    if lines == template:
        return Problem(en="is still what the template says", zh="仍是模板中的内容")
    if not _SHORTEST <= len(lines) <= _LONGEST:
        return Problem(
            en=f"has {len(lines)} lines; write {_SHORTEST} to {_LONGEST}",
            zh=f"有 {len(lines)} 行；应为 {_SHORTEST} 到 {_LONGEST} 行",
        )
    if not any(_SHAPE.search(line[:_LINE]) for line in lines):
        return Problem(
            en="names no shape; write the shapes of its tensors, such as `logits [B, V]`",
            zh="没有写出形状；请写出张量的形状，例如 `logits [B, V]`",
        )
    copied = sum(_is_code(line) and _normalise(line) in program for line in lines)
    if copied >= _COPIED * len(lines):
        return Problem(
            en="is the program itself; say in your own words what it does",
            zh="就是程序本身；请用自己的话写出它做了什么",
        )
    return None


def _changes(text: str) -> list[str] | None:
    """Return the non-blank lines of the section `## Changes`, None without it."""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines, 1) if _CHANGES.match(line)), None)
    if start is None:
        return None
    section = takewhile(lambda line: not line.startswith("#"), lines[start:])
    return [line.strip() for line in section if line.strip()]


def _problem_of_changes(
    lines: list[str] | None, template: list[str] | None, known: Collection[str]
) -> Problem | None:
    written = [line[:_LINE] for line in lines or () if line not in (template or ())]
    if not written:
        return Problem(
            en="`## Changes`: list the names from earlier exercises that you changed here, or write: none",
            zh="`## Changes`：列出为本练习改动过的之前练习中的名字，或写：无",
        )
    names = [name for line in written for name in _names_changed(line, known)]
    if unknown := next((name for name in names if name not in known), None):
        return Problem(
            en=f"`## Changes`: nothing in your code is called {unknown[:60]!r}",
            zh=f"`## Changes`：你的代码中没有名为 {unknown[:60]!r} 的内容",
        )
    if not names and not any(_NONE.search(line) for line in written):
        return Problem(en="`## Changes` names nothing", zh="`## Changes` 中没有名字")
    return None


def _names_changed(line: str, known: Collection[str]) -> list[str]:
    """Return the names in a line: those in backticks, or one of a list item."""
    if quoted := [name for name in _QUOTED.findall(line) if not _NONE.fullmatch(name)]:
        return quoted
    if not line.startswith(("-", "*", "+")) or _NONE.search(line):
        return []
    words = _IDENTIFIER.findall(line)
    return [word for word in words if word in known][:1] or words[:1]


def _is_code(line: str) -> bool:
    """Say whether a line parses as Python, alone or as the head of a block."""
    line = line.strip()
    if len(line) > _LINE:
        return False
    for attempt in (line, f"{line}\n pass", f"if x: pass\n{line}\n pass", f"try: pass\n{line}\n pass"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ast.parse(attempt)
        except BROKEN:
            continue
        return True
    return False


def _normalise(line: str) -> str:
    """Return a line's tokens with every name the same and comments gone."""
    line = line.strip()
    if not line or len(line) > _LINE:
        return ""
    parts: list[str] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(line).readline):
            if token.type == tokenize.NAME:
                parts.append(token.string if keyword.iskeyword(token.string) else "n")
            elif token.type in (tokenize.NUMBER, tokenize.STRING, tokenize.OP):
                parts.append(token.string)
    except (tokenize.TokenError, *BROKEN):
        pass  # an unfinished line: what was read of it is compared
    return " ".join(parts)
