"""Show how pulling went, one line per submission."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.status import Status
from rich.text import Text as Styled

from grader.git import Outcome, Pull
from grader.job import Text
from grader.reports.wording import Lang, say
from grader.sanitise import line, markdown_line

_UPDATED: Final = Text("updated", "已更新")
_UNCHANGED: Final = Text("unchanged", "无变化")
_NOTHING: Final = Text("nothing to grade", "没有可评测的内容")
_FAILED: Final = Text("NOT PULLED", "拉取失败")
_STAYS: Final = Text("Graded as before: {}, fetched {}", "仍按之前的版本评测：{}，拉取于 {}")
_NEVER: Final = Text("There is nothing to grade yet", "目前没有可评测的内容")
_FETCHED: Final = Text("fetched", "拉取于")
_PULLED: Final = Text("pulled: {} of {}", "已拉取：{} / {}")
_PULLING: Final = Text("pulling", "正在拉取")
_STYLES: Final = {
    Outcome.FAILED: "yellow",
    Outcome.UPDATED: "green",
    Outcome.UNCHANGED: "dim",
    Outcome.FOLDER: "dim",
}


def pull_line(name: str, pull: Pull, lang: Lang) -> str:
    """Say in one line how one submission was pulled, and which commit of it is graded."""
    shown = line(name, 100)
    if pull.outcome is Outcome.FOLDER:
        return f"{shown}: {say(pull.message, lang)}"
    at = pull.commit[:12]
    if pull.outcome is Outcome.FAILED:
        rest = say(_STAYS, lang).format(at, pull.fetched or "?") if at else say(_NEVER, lang)
        return f"{shown}: {say(_FAILED, lang)}: {say(pull.message, lang)}. {rest}"
    words = say(_UPDATED if pull.outcome is Outcome.UPDATED else _UNCHANGED, lang)
    facts = f"{at}, {say(_FETCHED, lang)} {pull.fetched}" if at else say(_NOTHING, lang)
    return f"{shown}: {words} ({facts})" + "".join(f"; {say(note, lang)}" for note in pull.notes)


def pull_summary(pulls: Mapping[str, Pull], lang: Lang) -> str:
    """Return Markdown for a step summary: how many were pulled, and what each of the others has to do."""
    modules = {name: pull for name, pull in sorted(pulls.items()) if pull.outcome is not Outcome.FOLDER}
    failed = [name for name, pull in modules.items() if pull.outcome is Outcome.FAILED]
    lines = [f"**{say(_PULLED, lang).format(len(modules) - len(failed), len(modules))}**", ""]
    for name, pull in modules.items():
        said = [pull.message] if name in failed else list(pull.notes)
        lines += [f"- {markdown_line(name)}: {markdown_line(say(text, lang), 1000)}" for text in said]
    return "\n".join(lines) + "\n"


class PullProgress:
    """One line per submission as it ends, and on a terminal how many are left. A context manager."""

    def __init__(self, console: Console, lang: Lang) -> None:
        self._console = console
        self._lang = lang
        self._status = Status(say(_PULLING, lang), console=console) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()

    def told(self, name: str, pull: Pull, done: int, total: int) -> None:
        """Print the line of a submission that has ended."""
        words = f"[{done}/{total}] {pull_line(name, pull, self._lang)}"
        self._console.print(Styled(words, style=_STYLES[pull.outcome]), soft_wrap=True)
        if self._status:
            self._status.update(Styled(f"{say(_PULLING, self._lang)} · {done}/{total}"))
