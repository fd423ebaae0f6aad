"""What a handout says may be used, from exercise.yaml: `python -m grader.handout.allowed` writes it anew."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from grader.course import find_course
from grader.exercise import FULL_SIZE, LONGEST_LINE, ZERO_SIZE, Exercise
from grader.inside import doors
from grader.inside.policy import inspect
from grader.inside.size import FREE_TEXT, PER_TOKEN

READMES = {"en": "README.md", "zh": "README.zh.md"}
OPEN, CLOSE = "<!-- allowed: made from exercise.yaml, see CONTRIBUTING.md -->", "<!-- /allowed -->"
_WIDTH = 118

_EN = {
    "title": "### What may be used",
    "stdlib": "Of Python: {}. They reach no file, process, network or interpreter; closed of them are {}.",
    "torch": (
        "Of torch: {}; not what loads files, runs text or begins with an underscore. "
        "`torch.backends.*` may be set."
    ),
    "only": "Of `{}` only: {}.",
    "module": "`{}`.",
    "compile": (
        "`torch.compile`, and `compile` of a module: the back end by its name ({}), options as plain values."
    ),
    "no_compile": (
        "`torch.compile` does nothing here, and costs nothing. `torch.jit`, `torch.fx` and the like "
        "are closed."
    ),
    "earlier": (
        "Of earlier exercises: every name of {}, helpers too. The published solution, on which you are "
        "graded once more where you lose points, has the public names only: code that needs your own "
        "helpers does not run there."
    ),
    "banned": "To be written by yourself: {}. Using one costs the tests that do, and Z7.",
    "closed": (
        "Everything else is closed: other modules, {}, the interpreter's own names (`__globals__`, "
        "`__subclasses__` ...), changing what was imported. **One such use voids the exercise.** What "
        "only looks odd (a `getattr` whose name is made at run time, an unusual `__name__`, a module "
        "handed around) is told and costs nothing, unless it leads to something closed when it runs."
    ),
    "size": (
        "Size: the reference has **{} statements and {} tokens**. The larger of the two ratios counts: "
        "full points up to {:g} times, none from {:g} times on, and none if a line has more than {} "
        "characters. Comments, docstrings, imports, annotations, asserts and `__repr__` are free as "
        "long as they do none of the work. A text is one token up to {} characters and one more for "
        "every {} beyond; text that is code counts as code."
    ),
}
_ZH = {
    "title": "### 可以使用什么",
    "stdlib": "Python 标准库：{}。它们不接触文件、进程、网络与解释器；其中不开放的有 {}。",
    "torch": "torch：{}；读取文件、执行文本或以下划线开头的名字除外。`torch.backends.*` 可以设置。",
    "only": "`{}` 中只允许：{}。",
    "module": "`{}`。",
    "compile": "`torch.compile` 与模块的 `compile`：后端只能以名字给出（{}），options 只能是普通的值。",
    "no_compile": "`torch.compile` 在本练习中不起作用，也不扣分。`torch.jit`、`torch.fx` 等不开放。",
    "earlier": (
        "之前的练习：{} 的所有名字都可以用，包括辅助函数。丢分之处会在公布的参考解上再评一次，而那里只"
        "有公开的名字：依赖你自己辅助函数的代码在那里无法运行。"
    ),
    "banned": "须自己实现：{}。使用其中之一会失去用到它的测试以及 Z7 的分数。",
    "closed": (
        "其余一概不开放：其他模块、{}、解释器自身的名字（`__globals__`、`__subclasses__` 等）、修改导入"
        "的对象。**使用一处，整个练习作废。** 只是看起来不寻常的写法（名字在运行时才确定的 `getattr`、"
        "不常见的 `__名字__`、把模块当作值传递）会告知但不扣分，除非运行时真的触及不开放的内容。"
    ),
    "size": (
        "代码量：参考实现有 **{} 条语句、{} 个 token**。取两个比值中较大者：不超过 {:g} 倍得满分，达到 "
        "{:g} 倍得零分；有一行超过 {} 个字符也得零分。注释、文档字符串、导入、类型标注、断言与 `__repr_"
        "_` 只要不做实际工作就不计。文本在 {} 个字符以内算一个 token，超出部分每 {} 个字符再算一个；本"
        "身是代码的文本按代码计。"
    ),
}


def section(exercise: Exercise, lang: str) -> str:
    """Return the part of a handout that lists what may be used, between its markers."""
    words = {"en": _EN, "zh": _ZH}[lang]
    lines = [f"- {text}" if lang == "zh" else _wrapped(text) for text in _items(exercise, words)]
    return "\n".join([OPEN, words["title"], "", *lines, CLOSE, ""])


def _items(exercise: Exercise, words: dict[str, str]) -> Iterable[str]:
    policy = exercise.policy
    names: dict[str, Iterable[str]] = {**doors.ONLY, **(policy.names or {})}
    closed = {f"{module}.{name}" for module in doors.STDLIB for name in doors.CLOSED.get(module, ())}
    yield words["stdlib"].format(_code(doors.STDLIB - {"__future__"}), _code(closed))
    yield words["torch"].format(_code(doors.TORCH))
    for module in sorted({*policy.imports, *names} - {"torch.compile"}):
        yield (words["only"] if module in names else words["module"]).format(
            module, _code(names.get(module, ()))
        )
    if "torch.compile" in policy.imports:
        yield words["compile"].format(_code(doors.BACKENDS))
    else:
        yield words["no_compile"]
    if exercise.ancestors:
        yield words["earlier"].format(_code(a.module for a in exercise.ancestors))
    if policy.banned:
        yield words["banned"].format(_code(policy.banned))
    yield words["closed"].format(_code(doors.DENIED_BUILTINS))
    sources = {exercise.solution_path: exercise.reference_source().encode()}
    size = inspect(sources, {"exercise": exercise.name})["size"]
    rule = (FULL_SIZE, ZERO_SIZE, LONGEST_LINE, FREE_TEXT, PER_TOKEN)
    yield words["size"].format(size["statements"], size["tokens"], *rule)


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _wrapped(text: str) -> str:
    lines: list[str] = []
    line = "-"
    for word in text.split():
        if len(line) + len(word) >= _WIDTH:
            lines, line = [*lines, line], " "
        line = f"{line} {word}"
    return "\n".join([*lines, line])


def main() -> None:
    """Write the section of every handout of this course anew, in place of the one that is there."""
    for exercise in find_course(Path.cwd()).exercises():
        for lang, name in READMES.items():
            before, found, rest = (exercise.path / name).read_text(encoding="utf-8").partition(f"{OPEN}\n")
            _, _, after = rest.partition(f"{CLOSE}\n")
            if found:
                text = f"{before}{section(exercise, lang)}{after}"
                (exercise.path / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
