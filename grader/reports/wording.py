"""What reports say in the two languages of the course, and how they write numbers."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

from grader.job import Reason, Score, State, Text

Lang = Literal["en", "zh"]


class Outcome(StrEnum):
    """How a test ended as a report shows it: a `Status`, or why there is none."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    KILLED = "killed"
    VIOLATION = "violation"
    SKIPPED = "skipped"
    UNGRADABLE = "ungradable"
    MISSING = "missing"  # the submission has no folder for this exercise
    NOT_RUN = "not run"  # the stored result is older than this row of the tests table
    UNGRADED = "ungraded"  # the grader's own fault


OUTCOMES: Final = {
    Outcome.PASSED: Text("passed", "通过"),
    Outcome.FAILED: Text("failed", "未通过"),
    Outcome.ERROR: Text("error", "运行出错"),
    Outcome.KILLED: Text("killed", "被终止"),
    Outcome.VIOLATION: Text("rule violated", "违反规则"),
    Outcome.SKIPPED: Text("skipped", "已跳过"),
    Outcome.UNGRADABLE: Text("not gradable here", "本机无法评测"),
    Outcome.MISSING: Text("missing", "未提交"),
    Outcome.NOT_RUN: Text("not run", "未运行"),
    Outcome.UNGRADED: Text("ungraded", "未评分"),
}

REASONS: Final = {
    Reason.CPU: Text("CPU time used up", "CPU 时间用尽"),
    Reason.WALL: Text("too slow", "超时"),
    Reason.MEMORY: Text("out of memory", "内存超限"),
    Reason.PROCESSES: Text("too many processes", "进程数超限"),
    Reason.FILES: Text("too many open files", "打开的文件过多"),
    Reason.SCRATCH: Text("disk space used up", "磁盘空间用尽"),
    Reason.OUTPUT: Text("too much output", "输出过多"),
    Reason.SIGNAL: Text("crashed", "进程崩溃"),
    Reason.EXIT: Text("ended its own process", "自行退出进程"),
    Reason.PROTOCOL: Text("sent a malformed answer", "返回的数据格式有误"),
}

# Said where the result itself has nothing to say.
EXPLANATIONS: Final = {
    Outcome.MISSING: Text("There is no folder for this exercise.", "没有找到本练习的文件夹。"),
    Outcome.NOT_RUN: Text(
        "This test is newer than the result; grade again.", "该测试是此次评测之后新增的，请重新评测。"
    ),
    Outcome.UNGRADED: Text(
        "The grader itself failed here. This is not the student's fault, and no point is lost by it.",
        "评测系统自身出错，与学生无关，不会因此扣分。",
    ),
    Outcome.UNGRADABLE: Text(
        "This test needs something that this machine does not have; its points are not counted yet.",
        "本机不具备该测试所需的条件，其分值暂不计入。",
    ),
}

GRADED_TWICE: Final = Text(
    "Graded twice: {} points on your own earlier exercises, {} on the published kit of them. "
    "What passes only on the kit counts {} %.",
    "评了两次：使用你自己之前的练习得 {} 分，换用公布的参考包得 {} 分。只在参考包上通过的测试按 {}% 计分。",
)
NO_BETTER: Final = Text(
    "Graded twice: on the published kit of the earlier exercises the result is the same, "
    "so what is wrong is in this one.",
    "评了两次：换用公布的参考包后结果相同，因此错误就在本练习中。",
)
ON_KIT: Final = Text(
    "on the published kit of the earlier exercises: {} %; counted: {} %",
    "在公布的参考包上：{}%；计入：{}%",
)

SAME_CAUSE: Final = Text("for the same reason as {}", "原因与“{}”相同")

SCORES: Final = Text("Scores", "成绩")
EXERCISE: Final = Text("exercise", "练习")
SUBMISSION: Final = Text("submission", "提交")
TOTAL: Final = Text("total", "总分")
HINT: Final = Text("hint", "提示")
OUTPUT: Final = Text("output of the student's code (untrusted)", "学生代码的输出（不可信）")
BONUS: Final = Text("bonus", "附加分")
COMMIT: Final = Text("commit", "提交版本")
WALL: Final = Text("sandbox", "沙箱")
NO_WALL: Final = Text(
    "Graded WITHOUT a sandbox: student code could have changed these results.",
    "评测时未启用沙箱：学生代码有可能篡改这些结果。",
)
APPROXIMATE: Final = Text("memory limits are approximate", "内存限制为近似值")
YOUR_OUTPUT: Final = Text("your code printed", "你的代码打印了")
PASSING: Final = Text("{} of {} pass", "通过 {} / {}")
NOT_BEGUN: Final = Text("not begun", "尚未开始")
UNCONFINED: Final = Text(
    "Your code ran without a sandbox, with your rights.", "你的代码在没有沙箱的情况下以你的权限运行。"
)
GO_ON: Final = Text(
    "These are the public tests of exercises/NAME/public_tests/; the hidden ones go further.",
    "以上是 exercises/NAME/public_tests/ 中的公开测试；隐藏测试会检查更多内容。",
)
DONE: Final = Text("done", "已完成")
RUNNING: Final = Text("running", "运行中")
TO_GRADE: Final = Text("{} jobs to grade, {} known already", "待评分 {} 项，已有结果 {} 项")
WAITING: Final = Text(
    "another `grader run` is at work on this course; waiting until it has ended (Ctrl-C leaves it alone)",
    "另一个 `grader run` 正在评测本课程；等待其结束（按 Ctrl-C 退出不会影响它）",
)
REPORTS: Final = Text("reports", "报告")
FAULTS: Final = Text("what failed on the grader's side", "评测系统自身的故障记录")
CHANGED: Final = Text("changed", "变化")
MORE: Final = Text("and {} more: see {}", "另有 {} 份，见 {}")
CHANGES: Final = Text("{} scores change: {} up, {} down", "{} 个成绩有变化：{} 个升高，{} 个降低")
PER_MINUTE: Final = Text("{} a minute", "每分钟 {} 项")
ABOUT: Final = Text("about {} left", "约剩 {}")
LEFT: Final = Text("left", "剩余")
SHORTENED: Final = Text("shortened here for lack of room", "因篇幅所限，此处有省略")
LEFT_OUT: Final = Text("submissions left out here for lack of room", "因篇幅所限未列出的提交数")
TEST: Final = Text("test", "测试")
RESULT: Final = Text("result", "结果")
POINTS: Final = Text("points", "得分")


def say(text: Text, lang: Lang) -> str:
    """Return `text` in `lang`; a text without a Chinese version is said in English."""
    return (text.zh if lang == "zh" else text.en) or text.en


def outcome_words(outcome: Outcome, reason: Reason | None, lang: Lang) -> str:
    """Say how a test ended, with the reason if it was killed: `killed (out of memory)`."""
    word = say(OUTCOMES[outcome], lang)
    return f"{word} ({say(REASONS[reason], lang)})" if reason else word


def number(value: float, places: int = 2) -> str:
    """Write `value` without an exponent or trailing zeros: `7`, `7.5`, `7.33`."""
    written = f"{value:.{places}f}"
    written = written.rstrip("0").rstrip(".") if "." in written else written
    return "0" if written == "-0" else written


def score_words(score: Score, lang: Lang) -> str:
    """Write a score for a table cell: `80/100 +5`, and `(20 not gradable here)` where that is so."""
    words = f"{number(score.points)}/{number(score.maximum)}"
    if score.bonus:
        words += f" +{number(score.bonus)}"
    if score.ungradable:
        words += f" ({number(score.ungradable)} {say(OUTCOMES[Outcome.UNGRADABLE], lang)})"
    return words


def cell_words(state: State, score: Score, lang: Lang) -> str:
    """Write one job for a table cell: its score, or that there is none."""
    if state is State.UNGRADED:
        return say(OUTCOMES[Outcome.UNGRADED], lang)
    words = score_words(score, lang)
    return f"{words} ({say(OUTCOMES[Outcome.MISSING], lang)})" if state is State.MISSING else words
