"""Read hostile source: bytes to text to syntax tree, or one clear finding. Runs none of it."""

from __future__ import annotations

import ast
import re
import warnings
from typing import TypedDict


class Finding(TypedDict):
    """What is wrong, where, in both languages. `line` is 0 where no line applies."""

    rule: str
    file: str
    line: int
    en: str
    zh: str


_BOM = b"\xef\xbb\xbf"
_COOKIE = re.compile(rb"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_BIDI = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LINES = re.compile(r"\r\n|\r|\n")
# Of all files of a job together. Our longest reference has 5,000; reading many more takes seconds.
MOST_NODES = 100_000
# Whatever the parser, the walk over its tree, or printing it back may raise on a source made to break it.
TOO_DEEP = (RecursionError, MemoryError)
BROKEN = (SyntaxError, ValueError, OverflowError, *TOO_DEEP)


def finding(rule: str, file: str, line: int, en: str, zh: str) -> Finding:
    """Make a finding whose sentences begin with file and line."""
    name = file.split("/", 2)[-1]
    where_en, where_zh = (f"{name}, line {line}", f"{name} 第 {line} 行") if line else (name, name)
    return Finding(rule=rule, file=file, line=line, en=f"{where_en}: {en}", zh=f"{where_zh}：{zh}")


def split_lines(text: str) -> list[str]:
    """Split where Python's tokenizer does: `str.splitlines` knows more line ends, which hide code."""
    return _LINES.split(text)


def decode(file: str, content: bytes) -> str | Finding:
    """Return the text of a file that must be plain UTF-8 without a byte-order mark."""

    def refuse(line: int, en: str, zh: str) -> Finding:
        return finding("encoding", file, line, en, zh)

    if content.startswith(_BOM):
        return refuse(
            1,
            "starts with a byte-order mark; save it as plain UTF-8",
            "以 BOM 开头；请另存为不带 BOM 的 UTF-8",
        )
    null = content.find(b"\0")
    if null >= 0:
        return refuse(content.count(b"\n", 0, null) + 1, "contains a null byte", "含有空字节（\\0）")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return refuse(line, "is not UTF-8; save it as UTF-8", "不是 UTF-8 编码；请另存为 UTF-8")
    for number, line_bytes in enumerate(re.split(rb"\r\n|\r|\n", content, maxsplit=2)[:2], start=1):
        cookie = _COOKIE.match(line_bytes)
        if cookie and cookie[1].lower().replace(b"_", b"-") not in (b"utf-8", b"utf8"):
            return refuse(number, "declares another encoding than UTF-8", "声明了 UTF-8 以外的编码")
    return text


def parse(file: str, content: bytes) -> tuple[str, ast.Module] | Finding:
    """Return text and tree of a Python file, or the one finding that says why there is none."""
    text = decode(file, content)
    if not isinstance(text, str):
        return text
    bidi = _BIDI.search(text)
    if bidi:
        line = len(split_lines(text[: bidi.start()]))
        en = "contains an invisible character that reorders text; delete it"
        return finding("encoding", file, line, en, "含有会改变文字显示顺序的不可见字符；请删除")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes and the like are the student's business
            return text, ast.parse(text, filename=file)
    except SyntaxError as error:
        line = error.lineno or 0
        reason = (error.msg or "invalid syntax")[:120]
        return finding("syntax", file, line, f"syntax error: {reason}", f"语法错误：{reason}")
    except TOO_DEEP:
        return too_deep(file)
    except (ValueError, OverflowError):
        return finding(
            "syntax", file, 0, "Python's parser refuses this source", "Python 解析器拒绝解析该文件"
        )


def children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes directly below one. As `ast.iter_child_nodes`, in half the time."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            found += [part for part in value if isinstance(part, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def nodes(tree: ast.AST) -> list[ast.AST]:
    """Return a node and all below it, level by level."""
    found = [tree]
    for node in found:  # which grows meanwhile
        found += children(node)
    return found


def twice(file: str) -> Finding:
    """Say that two files are the same module, of which Python imports only one."""
    en = "is imported under the same name as another file; rename one of them"
    return finding("import", file, 0, en, "与另一个文件的导入名相同；请改名其中一个")


def too_much(file: str) -> Finding:
    """Say that there is more code than anyone writes by hand."""
    en = f"is more code than is checked ({MOST_NODES} syntax nodes in all)"
    return finding("depth", file, 0, en, f"代码量超出检查上限（共 {MOST_NODES} 个语法节点）")


def too_deep(file: str) -> Finding:
    """Say that a file's expressions or blocks are nested too deeply to be read."""
    return finding("depth", file, 0, "is nested too deeply to be checked", "嵌套层数过深，无法检查")
