"""Turn the way a test ended into a status and a sentence for the student."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from grader.checks import RETURNED_NOTHING, WrongAnswer, WrongForm, WrongKind
from grader.job import NO_TEXT, Limits, Place, Reason, Status, Text
from grader.remote import StudentError, Violation
from grader.sanitise import line, plain
from grader.wall.worker import Killed

HIDDEN_MESSAGE = 200  # characters of an exception's own message shown for a hidden test
PUBLIC_MESSAGE = 4000
# Fractions, and lists of numbers: what a hidden test was called with may stand in an exception's message.
_VALUES = re.compile(r"-?\d*\.\d+(e[-+]?\d+)?|-?\d+(e-?\d+)?(\.?[\s,]+-?\d+(e-?\d+)?){3,}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one call of a test function ended.

    `attempted` is false where nothing is written yet. `silent` says that the message is itself the reason,
    whatever the test is about, so that its hint would lead elsewhere; `explained` that no known mistake can
    say more, either.
    """

    status: Status
    message: Text = NO_TEXT
    reason: Reason | None = None
    attempted: bool = True
    explained: bool = False
    silent: bool = False
    place: Place | None = None  # in the student's own files


PASSED = Verdict(Status.PASSED)
# Exceptions of code that cannot be what was meant, whatever the exercise: they say where, and that is all.
_SLIPS = ("NameError", "UnboundLocalError", "SyntaxError", "IndentationError", "TabError", "ImportError",
          "ModuleNotFoundError")  # fmt: skip
_NO_ANSWER = re.compile(r"your code (returned|passed on) (.+), which cannot be an answer")
# By what stands in the name of the kind of value; "" for all others.
_INSTEAD: Mapping[str, Text] = {
    "ndarray": Text("make a tensor of it, by torch.from_numpy", "请用 torch.from_numpy 把它变成张量"),
    "generator": Text("make a list of it, by list(...)", "请用 list(...) 把它变成列表"),
    "a value of type numpy.": Text("make a number of it, by .item()", "请用 .item() 把它变成普通的数"),
    "a value of type set": Text("make a list of it", "请把它变成列表"),
    "sparse": Text("make it dense, by .to_dense()", "请用 .to_dense() 把它变成稠密张量"),
    "tensor subclass": Text("make a plain torch.Tensor of it", "请把它变成普通的 torch.Tensor"),
    "": Text(
        "an answer is a tensor, a number, a string, None, or a list, tuple or dict of these (see the README)",
        "返回值应为张量、数、字符串、None，或由它们组成的列表、元组、字典（见 README）",
    ),
}
_KINDS_ZH = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"a value of type (.+)", "类型为 {} 的值"),
        (r"a tensor subclass \((.+)\)", "张量的子类（{}）"),
        (r"a sparse tensor \((.+)\)", "稀疏张量（{}）"),
        (r"a quantised tensor", "量化张量"),
        (r"a tensor on device (.+)", "位于设备 {} 上的张量"),
        (r"a tensor of (torch\..+)", "dtype 为 {} 的张量"),
        (r"a tensor of more than (\d+) dimensions", "超过 {} 维的张量"),
        (r"a value nested more than (\d+) levels deep", "嵌套超过 {} 层的值"),
        (r"a dict with a key of type (.+)", "键的类型为 {} 的字典"),
        (r"an integer beyond 64 bits", "超过 64 位的整数"),
        (r"a string of more than (\d+) characters", "超过 {} 个字符的字符串"),
        (r"a string that is not valid Unicode", "不是合法 Unicode 的字符串"),
        (r"more than (\d+) (?:values|instances|tensors)", "超过 {} 个值"),
        (r"more than (\d+) MiB of data", "超过 {} MiB 的数据"),
        (r"more values than fit into one answer", "一次返回放不下的值"),
        (r"something unreadable", "无法读取的值"),
    )
)
EXPECTED_ENDINGS = (WrongAnswer, StudentError, Violation, Killed)  # anything else asks whose fault it is

# What a killed worker was killed for; {limit} is filled from the exercise's limits.
_KILLED: Mapping[Reason, Text] = {
    Reason.CPU: Text(
        "your code used more than its {cpu:g} s of CPU time", "你的代码用掉的 CPU 时间超过了 {cpu:g} 秒的上限"
    ),
    Reason.WALL: Text(
        "your code did not answer in time ({call:g} s per call, {wall:g} s in all)",
        "你的代码没有按时返回（每次调用 {call:g} 秒，总共 {wall:g} 秒）",
    ),
    Reason.MEMORY: Text(
        "your code asked for more than its {memory} MiB of memory",
        "你的代码使用的内存超过了 {memory} MiB 的上限",
    ),
    Reason.PROCESSES: Text(
        "your code started more than {processes} processes and threads",
        "你的代码启动的进程与线程超过了 {processes} 个的上限",
    ),
    Reason.FILES: Text(
        "your code opened more than {files} files", "你的代码打开的文件超过了 {files} 个的上限"
    ),
    Reason.SCRATCH: Text(
        "your code wrote more than {scratch} MiB to disk", "你的代码写入磁盘的数据超过了 {scratch} MiB 的上限"
    ),
    Reason.OUTPUT: Text(
        "your code printed more than {output} KiB", "你的代码打印的内容超过了 {output} KiB 的上限"
    ),
    Reason.SIGNAL: Text("your code crashed the process ({detail})", "你的代码使进程崩溃（{detail}）"),
    Reason.EXIT: Text("your code ended its own process ({detail})", "你的代码自行结束了进程（{detail}）"),
    Reason.PROTOCOL: Text(
        "your code broke the connection to the grader ({detail})",
        "你的代码破坏了与评分程序的连接（{detail}）",
    ),
}
_TOO_SLOW = Text(
    "your code did not answer in time ({call:g} s for this call, {wall:g} s in all)",
    "你的代码没有按时返回（本次调用 {call:g} 秒，总共 {wall:g} 秒）",
)
RESOURCES = {
    "memory": Reason.MEMORY,
    "processes": Reason.PROCESSES,
    "files": Reason.FILES,
    "scratch": Reason.SCRATCH,
}


def verdict_of(error: BaseException, limits: Limits, *, public: bool) -> Verdict:
    """Judge one of the EXPECTED_ENDINGS. Hidden tests show less of what the student's code said."""
    if isinstance(error, WrongAnswer):
        return Verdict(
            Status.FAILED,
            error.text,
            explained=isinstance(error, WrongKind),
            silent=isinstance(error, WrongForm),
        )
    if isinstance(error, Killed):
        if error.seconds is not None:
            return killed(error.reason, "", replace(limits, call=error.seconds), _TOO_SLOW)
        return killed(error.reason, error.detail, limits)
    if isinstance(error, Violation):
        said = line(str(error), HIDDEN_MESSAGE)
        return Verdict(
            Status.VIOLATION,
            Text(f"not allowed in this exercise: {said}", f"本练习不允许使用：{said}"),
        )
    assert isinstance(error, StudentError)
    return replace(_verdict_of_error(error, limits, public), place=_place(error))


def _verdict_of_error(error: StudentError, limits: Limits, public: bool) -> Verdict:
    if error.kind == "missing" or error.type_name == "NotImplementedError":
        return Verdict(Status.FAILED, _not_attempted(error), attempted=False)
    if error.kind == "answer":
        return Verdict(Status.FAILED, _unusable(error, public), explained=True)
    if error.kind in RESOURCES:
        return killed(RESOURCES[error.kind], "", limits)
    slip = error.type_name in _SLIPS
    return Verdict(Status.ERROR, _raised(error, public), explained=slip, silent=True)


def killed(reason: Reason, detail: str, limits: Limits, text: Text = NO_TEXT) -> Verdict:
    """Say why a worker was stopped."""
    values = {name: getattr(limits, name) for name in limits.__dataclass_fields__}
    values["detail"] = line(detail, HIDDEN_MESSAGE)
    text = text or _KILLED[reason]
    return Verdict(Status.KILLED, Text(text.en.format(**values), text.zh.format(**values)), reason)


def returned_nothing(names: str) -> Verdict:
    """Say that a function returned None where its value was asked for."""
    said = Text(RETURNED_NOTHING.en.format(names), RETURNED_NOTHING.zh.format(names))
    return Verdict(Status.FAILED, said, explained=True)


def _unusable(error: StudentError, public: bool) -> Text:
    """Say what came back that cannot be an answer, and what could be one."""
    said = line(_said(error, public), PUBLIC_MESSAGE)
    if (found := _NO_ANSWER.fullmatch(said)) is None:
        return Text(said, f"返回值无法使用：{said}")
    how, what = found.groups()
    instead = next((text for kind, text in _INSTEAD.items() if kind in what), _INSTEAD[""])
    known = ((pattern.fullmatch(what), words) for pattern, words in _KINDS_ZH)
    what_zh = next((words.format(*match.groups()) for match, words in known if match), what)
    how_zh = "返回了" if how == "returned" else "传出了"
    place = f" ({_told_place(error)})" if error.frames else ""
    return Text(f"{said}: {instead.en}{place}", f"你的代码{how_zh}{what_zh}，无法使用：{instead.zh}{place}")


def _not_attempted(error: StudentError) -> Text:
    where = line(error.message, HIDDEN_MESSAGE) if error.kind == "missing" else _told_place(error)
    return Text(f"not attempted yet: {where}", f"尚未实现：{where}")


def _said(error: StudentError, public: bool) -> str:
    """Return an exception's own message; for a hidden test one line of its beginning, without values."""
    if public:
        return plain(error.message, PUBLIC_MESSAGE)
    said = _VALUES.sub("…", error.message[: 5 * HIDDEN_MESSAGE])
    return line(plain(said, HIDDEN_MESSAGE), 2 * HIDDEN_MESSAGE)


def _raised(error: StudentError, public: bool) -> Text:
    said, name, place = _said(error, public), line(error.type_name, 80), _told_place(error)
    what = (f"{name}: {said}" if said else name) + (f" ({place})" if place else "")
    return Text(f"your code raised {what}", f"你的代码抛出了 {what}")


def _place(error: StudentError) -> Place | None:
    return Place(error.frames[-1].file, error.frames[-1].line) if error.frames else None


def _told_place(error: StudentError) -> str:
    """Say where in the student's own files an exception was raised."""
    if not error.frames:
        return ""
    frame = error.frames[-1]
    return line(f"{frame.file}:{frame.line}, in {frame.function}", 200)


def traceback_of(error: StudentError) -> str:
    """Format the student's own frames and the exception, as Python would, for an import that failed."""
    lines = [
        f'  File "{line(f.file, 200)}", line {f.line}, in {line(f.function, 80)}\n    {line(f.source, 200)}'
        for f in error.frames
    ]
    head = ["Traceback (most recent call last):", *lines] if lines else []
    return "\n".join([*head, f"{line(error.type_name, 80)}: {plain(error.message, PUBLIC_MESSAGE)}"])
