r"""Make a student's text harmless before anything shows or stores it. Imports nothing of ours.

One rule for every sink (terminal, CI log, XML, JSON, CSV, Markdown): what cannot be seen becomes a
visible escape such as ``\x1b``, what a CI runner would obey is broken by a space, and what is too
long ends in a note saying how much is missing. `plain`, `line` and `csv_cell` are idempotent, so a
text may pass through here at its source and again at its sink.
"""

from __future__ import annotations

import re
import unicodedata

BLOCK = 20_000  # characters of one block of text
LINE = 2_000  # characters of one line in it
_MARK = 40  # room kept for "… N more characters cut"

# A line break from Windows is a line break; a lone carriage return overwrites the line and is escaped.
_UNSURE = re.compile(r"[^\n\t -~]")
# Letters and marks that are drawn as nothing, beyond what `str.isprintable` refuses.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0f\U000e0000-\U000e0fff]"
)
# `::name::` and `##[name]` are orders to GitHub's runner, `##vso[` to Azure's. A runner trims white space
# and a log viewer wraps lines, so they are broken wherever they stand. A space keeps `x[::2]` valid Python
# and cannot be ignored by a culture-aware comparison, as a zero-width character can.
_COMMAND = re.compile(r":(?=:)|##(?=\w*\[)")
# Marks that are drawn onto the letter before them: a few make one letter, many are drawn over other lines,
# and after a blank or at the beginning there is no letter of the student's to draw on.
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_PILE = re.compile(rf"(?<=[{_MARKS}]{{4}})[{_MARKS}]|(?<!\S)[{_MARKS}]")
_GAP = re.compile(r"\n(?:[ \t]*\n){7,}")  # pushes what stands around it out of sight
_MENTION = re.compile(r"@(?=\w)")
_FORMULA = tuple("=+-@＝＋－＠")
_CELL_WITHIN = re.compile(r"(?<=;)(?=\s*[=+\-@＝＋－＠])")  # where `;` separates cells, in half of Europe
_LINK = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
_MARKDOWN = re.compile(r"([\\`*_{}\[\]|~$#!])")


def plain(text: str | bytes, limit: int = BLOCK) -> str:
    """Return `text` as visible lines of at most `LINE` characters, `limit` (40 or more) in all."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="backslashreplace")
    shown = _visible(text[:limit])  # never work on more than can be shown
    shown = _GAP.sub(lambda gap: f"\n… {gap[0].count(chr(10)) - 1} empty lines cut\n", shown)
    shown = "\n".join(_cut(part, LINE) for part in shown.split("\n"))
    return _cut(shown, limit, unseen=max(0, len(text) - limit), before="\n")


def line(text: str | bytes, limit: int = 200) -> str:
    """Return `text` as one line of at most `limit` characters; line breaks are shown as `⏎`."""
    parts = (" ".join(part.split("\t")).strip() for part in plain(text).split("\n"))
    joined = " ⏎ ".join(part for part in parts if part)
    return joined if len(joined) <= limit else f"{joined[: limit - 1].rstrip()}…"


def csv_cell(text: str | bytes, limit: int = LINE) -> str:
    """Return `text` as one line that no spreadsheet takes for a formula: those get a leading quote."""
    shown = line(_CELL_WITHIN.sub("'", line(text, limit)), limit)
    return f"'{line(shown, limit - 1)}" if shown.startswith(_FORMULA) else shown


def markdown_block(text: str | bytes, limit: int = BLOCK) -> str:
    """Return `text` as a fenced block that nothing inside can close; mentions are broken."""
    body = _MENTION.sub("@ ", plain(text, limit))
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{body}\n{fence}"


def markdown_line(text: str | bytes, limit: int = 200) -> str:
    """Return `text` as one line of Markdown (a table cell, too) without markup, HTML, links or mentions."""
    shown = _MARKDOWN.sub(r"\\\1", _MENTION.sub("@ ", line(text, limit)))
    shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _LINK.sub(r"\\\g<0>", shown)


def _visible(text: str) -> str:
    shown = _UNSURE.sub(lambda match: _escape(match[0]), text.replace("\r\n", "\n"))
    shown = _PILE.sub(lambda match: _spelled(match[0]), shown)
    return _COMMAND.sub(r"\g<0> ", shown)


def _escape(char: str) -> str:
    """Keep a character that has a shape or is a plain space; spell out any other."""
    seen = char.isprintable() or unicodedata.category(char) == "Zs"
    if seen and not _BLANK.match(char):
        return char
    return _spelled(char)


def _spelled(char: str) -> str:
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _cut(text: str, limit: int, unseen: int = 0, before: str = "") -> str:
    if len(text) <= limit and not unseen:
        return text
    room = max(0, limit - _MARK)
    return f"{text[:room]}{before}… {max(0, len(text) - room) + unseen} more characters cut"
