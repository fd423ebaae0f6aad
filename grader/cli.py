"""The command line: parse, call one function, print. No logic."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from grader import __version__, sanitise
from grader.course import MANIFEST
from grader.errors import ContentError, CourseError

if TYPE_CHECKING:
    from grader.course import Course
    from grader.reports.wording import Lang
    from grader.run import Books

F = TypeVar("F", bound=Callable[..., Any])
INTERRUPTED = 130
ENDING_SECONDS = 3.0  # from Ctrl-C to the end at the latest

_EXIT_CODES = """\b
Exit codes:
  0    graded, whatever the scores
  1    a score is below --fail-under, or a student's repository could not be pulled
  2    wrong usage: an unknown name or option
  3    something stayed ungraded through a fault of the grader, or a host could not be reached
  4    the course's own content is wrong
  5    student code cannot be confined on this machine
  6    a score could not be posted
  130  interrupted
"""


class _Commands(click.Group):
    """Shows every CourseError as one line with its exit code."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  # click's own signature
        try:
            return super().invoke(ctx)
        except CourseError as error:
            click.echo(f"grader: {sanitise.plain(str(error))}", err=True)  # it may name what a student named
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C would only tear up the ending
            click.echo(
                "grader: interrupted; what was graded is kept, run the same command to go on", err=True
            )
            # A pool whose slots have been ended may wait for them for ever.
            last = threading.Timer(ENDING_SECONDS, os._exit, [INTERRUPTED])
            last.daemon = True
            last.start()
            ctx.exit(INTERRUPTED)


_course = click.option(
    "--course", "root", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path(),
    help="A folder of the course. Default: where you are, or the nearest folder above with a grader.yaml.",
)  # fmt: skip
_exercises = click.option(
    "-e", "--exercise", "exercises", multiple=True, metavar="NAME", help="Only this exercise (repeatable)."
)
_lang = click.option(
    "--lang",
    type=click.Choice(["en", "zh"]),
    default="en",
    show_default=True,
    help="Language of messages and hints.",
)
_reports = click.option(
    "--reports", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Where reports are written. Default: reports/ in the course.",
)  # fmt: skip
_device = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True,
    help="Where tests run. auto: the GPU if there is one.",
)  # fmt: skip
_slots = click.option(
    "--slots",
    type=click.IntRange(1),
    metavar="N",
    help="Jobs graded at the same time. Default: one per core; on a GPU always one.",
)
_no_sandbox = click.option(
    "--no-sandbox", is_flag=True,
    help="Run student code UNCONFINED, with your rights. Only for code you trust; printed in every report.",
)  # fmt: skip
_fail_under = click.option(
    "--fail-under", type=click.FloatRange(0, 100), metavar="PERCENT",
    help="Exit with 1 if a submission has less than this share of its points.",
)  # fmt: skip


@click.group(cls=_Commands, epilog=_EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="grader")
def main() -> None:
    """Grade exercises of a course on LLM inference.

    Hidden tests, references and seeds stay in a trusted process; each student's code runs confined in
    another and is only asked for answers. Start with `grader doctor`, then `grader run`.
    """


@main.command()
@click.argument("names", nargs=-1, metavar="[SUBMISSION]...")
@_exercises
@_device
@_slots
@click.option(
    "--seed",
    type=click.IntRange(0, (1 << 63) - 1),
    metavar="N",
    help="Replay a run with its seed. Default: a new secret one.",
)
@click.option(
    "--model", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
    help="Run the tests on a real checkpoint, too (docs/checkpoints.md). They are worth no points.",
)  # fmt: skip
@click.option("--fresh", is_flag=True, help="Grade again what is already known.")
@click.option(
    "--fill", is_flag=True,
    help="Only what other devices left open: after a run on the CPU, on a machine with a GPU.",
)  # fmt: skip
@click.option(
    "--shard", metavar="N/COUNT", default="1/1",
    help="Only the N-th of COUNT equal parts of the class, for as many machines (see `grader merge`).",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Also write the results of this run into one file, for `grader merge`.",
)  # fmt: skip
@click.option(
    "--cluster", metavar="ADDRESS", default="",
    help="Grade on the workers of a Dask cluster, such as tls://10.0.0.1:8786 (docs/scaling.md).",
)  # fmt: skip
@click.option(
    "--wall", type=click.Choice(["auto", "A", "C"]), default="auto",
    help="Refuse to grade in a weaker sandbox than this. Default: what grader.yaml asks for.",
)  # fmt: skip
@_fail_under
@_no_sandbox
@_reports
@_lang
@_course
def run(
    root: Path,
    names: tuple[str, ...],
    shard: str,
    fail_under: float | None,
    lang: Lang,
    reports: Path | None,
    **options: Any,  # noqa: ANN401  # the rest is passed on as it is
) -> None:
    """Grade submissions and write the reports.

    Without arguments every submission is graded on every exercise. What is already known (same code,
    same tests, same machine kind) is not run again. Each result is kept as soon as it is known.

    \b
    Examples:
      grader run                          everything in submissions/
      grader run alice bob                two students
      grader run alice -e sampling        one exercise of one student
      grader run --fail-under 60          for CI: exit code 1 below 60 %
    """
    from grader.bundle import parse_shard
    from grader.course import find_course
    from grader.faults import FaultLog
    from grader.reports.terminal import LiveProgress, make_console
    from grader.reports.wording import FAULTS, TO_GRADE, WAITING, say
    from grader.run import Request, grade

    course, part = find_course(root), parse_shard(shard)
    console = make_console()

    def watch(jobs: int, known: int) -> LiveProgress:
        console.print(say(TO_GRADE, lang).format(jobs, known))
        return LiveProgress(jobs, console, lang)

    def waiting() -> None:
        console.print(say(WAITING, lang), soft_wrap=True)

    with FaultLog(course.log_path) as log:
        books = grade(Request(course, names, shard=part, **options), watch, log, waiting)
        if log.written:
            console.print(f"{say(FAULTS, lang)}: {log.path}", soft_wrap=True)
        _show(books, course, names, lang, reports, fail_under)


@main.command()
@click.argument("names", nargs=-1, metavar="[SUBMISSION]...")
@_exercises
@_fail_under
@_reports
@_lang
@_course
def report(
    root: Path,
    names: tuple[str, ...],
    exercises: tuple[str, ...],
    fail_under: float | None,
    lang: Lang,
    reports: Path | None,
) -> None:
    """Write the reports again from stored results, without running anything.

    Scores are computed anew from the points in exercise.yaml, so a change of points shows here; the
    submissions whose score changes by that are named. With SUBMISSION, show these in detail.
    """
    from grader.course import find_course
    from grader.faults import FaultLog
    from grader.run import look_up

    course = find_course(root)
    with FaultLog(course.log_path):
        _show(look_up(course, names, exercises), course, names, lang, reports, fail_under)


@main.command()
@click.argument("names", nargs=-1, metavar="[SUBMISSION]...")
@_exercises
@click.option(
    "--since", metavar="DIR|TIME",
    help="A folder of earlier reports, or a time such as 2026-11-28T18:00. Default: the last reports.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["text", "csv", "json"]), default="text", show_default=True,
    help="How it is printed.",
)  # fmt: skip
@_lang
@_course
def diff(
    root: Path, names: tuple[str, ...], exercises: tuple[str, ...], since: str | None, form: str, lang: Lang
) -> None:
    """Show whose score changes, by how much and because of which test, before anything is written.

    Compares what `grader report` would write now with the last reports, with a folder of reports that you
    kept (those that were published, say), or with what was known at some time, by the points of now.

    \b
    Examples:
      grader diff                           after points were changed in exercise.yaml
      grader diff --since 2026-11-28T18:00  after a test was corrected and `grader run` graded again
    """
    from grader.course import find_course
    from grader.diff import difference
    from grader.reports.changes import changes_csv, changes_json
    from grader.reports.terminal import differences, make_console

    found = difference(find_course(root), since, names, exercises, lang)
    if form == "text":
        make_console().print(differences(found, lang), soft_wrap=True)
    else:
        click.echo(changes_csv(found) if form == "csv" else changes_json(found), nl=False)


def _show(
    books: Books,
    course: Course,
    names: tuple[str, ...],
    lang: Lang,
    reports: Path | None,
    mark: float | None,
) -> None:
    """Print the results, in detail where submissions were named, write the reports, and exit."""
    from grader.reports.github import commands_stopped
    from grader.reports.terminal import make_console, score_table, submission_detail
    from grader.reports.wording import CHANGED, REPORTS, say
    from grader.reports.write import changes_since_written, write_all
    from grader.run import exit_code

    console, book = make_console(), books.asked
    with commands_stopped(sys.stdout):
        for name in names:
            if name in book.submissions:  # else it is in another part, or has not been graded yet
                console.print(submission_detail(book, name, lang, faults=True))
    console.print(score_table(book, lang))
    for row in book.rows:
        if row.fault:  # ours, and nobody's loss; the whole traceback is shown where the submission is named
            why = row.fault.strip().splitlines()[-1]
            console.print(f"{row.submission} {row.exercise}: {why}", soft_wrap=True)
    folder = reports or course.root / "reports"
    for change in changes_since_written(books.whole, folder, lang):
        console.print(f"{say(CHANGED, lang)}: {change.line}", soft_wrap=True)
    write_all(books.whole, folder, lang)
    console.print(f"{say(REPORTS, lang)}: {folder}", soft_wrap=True)
    sys.exit(exit_code(book, mark))


@main.command()
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Also write all results that the course then has into this file.",
)  # fmt: skip
@click.option(
    "--kept",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What an earlier --out wrote: all that this course had then.",
)
@click.option(
    "--part",
    "parts",
    multiple=True,
    metavar="N/COUNT DEVICE FILE",
    type=(str, click.Choice(["cpu", "cuda"]), click.Path(dir_okay=False, path_type=Path)),
    help="A run's file from a machine that is not believed when it says which part it is.",
)
@_course
def merge(
    root: Path,
    files: tuple[Path, ...],
    out: Path | None,
    kept: tuple[Path, ...],
    parts: tuple[tuple[str, str, Path], ...],
) -> None:
    """Put results of other machines into this course's: the files that `grader run --out` wrote.

    All parts of a `--shard`ed class belong together; what one of them lacks is named, and the exit code is 3.
    Results of another course, of other tests, outside their part, or that cannot be are refused, and then
    nothing is merged.
    """
    from grader.bundle import parse_shard
    from grader.course import find_course
    from grader.errors import UngradedError
    from grader.merge import Part
    from grader.merge import merge as put_together

    known = [Part(parse_shard(shard), device, path) for shard, device, path in parts]
    merged = put_together(find_course(root), files, out, kept=kept, parts=known)
    click.echo(f"{merged.added} new results")
    for missing in merged.missing:
        click.echo(f"missing: {missing}")
    if merged.missing:
        sys.exit(UngradedError.exit_code)


@main.command()
@click.option("--dry-run", is_flag=True, help="Say what would be posted; send and write nothing.")
@_reports
@_course
def publish(root: Path, dry_run: bool, reports: Path | None) -> None:
    """Post the stored scores wherever `publish:` in grader.yaml says (docs/github.md).

    To each student's own repository, to a course ranking, to any service that takes JSON; each thing once.
    Tokens come from the environment. Also writes the formats that Gradescope and GitHub Classroom read.
    """
    from grader.course import find_course
    from grader.publish import checked, publish_all

    course, outcomes = find_course(root), []
    if not course.targets.any:
        click.echo("nothing to post: grader.yaml has no 'publish:'")
    for outcome in publish_all(course, reports, dry_run=dry_run):
        click.echo(outcome)
        outcomes.append(outcome)
    checked(outcomes)


@main.command()
@click.argument("exercises", nargs=-1, metavar="[EXERCISE]...")
@_no_sandbox
@_lang
@_course
def check(root: Path, exercises: tuple[str, ...], lang: Lang, no_sandbox: bool) -> None:
    """Test your own repository by its public tests. For students; works on Linux, macOS and Windows.

    Without arguments every exercise that you have begun is checked. The exit code is 0 if all tests pass,
    1 if one does not. Hidden tests go further, with the same engine.
    """
    from grader import check as checking
    from grader.course import find_course
    from grader.reports.github import commands_stopped
    from grader.reports.terminal import check_detail, make_console
    from grader.reports.wording import GO_ON, NOT_BEGUN, UNCONFINED, say

    course = find_course(root, student=True)
    chosen, left_out = checking.chosen(course, exercises)
    console, rows = make_console(), []
    with commands_stopped(sys.stdout):
        for row in checking.check(course, chosen, no_sandbox=no_sandbox):
            console.print(check_detail(row, lang))
            rows.append(row)
    if left_out:
        console.print(f"{say(NOT_BEGUN, lang)}: {', '.join(e.name for e in left_out)}")
    console.print(say(GO_ON, lang))
    if any(row.wall == "none" for row in rows):
        console.print(say(UNCONFINED, lang))
    sys.exit(checking.exit_code(rows))


@main.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--kit", "kits", multiple=True, metavar="EXERCISE",
    help="Add the kit of this exercise, also to a repository that is there already (repeatable).",
)  # fmt: skip
@_course
def handout(root: Path, folder: Path, kits: tuple[str, ...]) -> None:
    """Write the repository that students start from: starters, public tests, handouts, the grader's wheel.

    DIR must be new or empty, and becomes a git repository with one commit. Nothing hidden is in it. When the
    next exercise opens, `--kit` adds the published solution of the one before; the commit is then yours.
    """
    from grader.course import find_course
    from grader.handout import add_kits, write_handout

    course = find_course(root)
    if kits and (folder / MANIFEST).is_file():
        for path in add_kits(course, folder, kits):
            click.echo(f"added {path}")
    else:
        write_handout(course, folder, kits)
        click.echo(f"{folder}: {', '.join(course.exercise_names)}")


@main.command()
@click.argument("names", nargs=-1, metavar="[SUBMISSION]...")
@click.option(
    "--before", metavar="TIME",
    help="Take what had been fetched by then (2026-11-30T23:59, local time unless it says otherwise).",
)  # fmt: skip
@click.option("--pinned", is_flag=True, help="Take the commits that the course's repository records.")
@click.option("--ungraded", is_flag=True, help="Fetch only what has no results yet, into empty folders.")
@click.option("--jobs", type=click.IntRange(1, 64), metavar="N", help="Pulled at the same time. Default: 8.")
@_lang
@_course
def pull(
    root: Path,
    names: tuple[str, ...],
    before: str | None,
    pinned: bool,
    ungraded: bool,
    jobs: int | None,
    lang: Lang,
) -> None:
    """Fetch what students have pushed. Submissions are submodules; plain folders are left as they are.

    Commit and time of fetching are kept in .grader/pulls.json. What cannot be pulled says why in one line,
    stays as it was and stops no other. Exit code: 0, or 1 where a student has to do something, 3 where host
    or network failed, 4 where the course's own entry is wrong.
    """
    from grader.course import find_course
    from grader.git import JOBS, Wish, exit_code, parse_time
    from grader.git import pull as pull_all
    from grader.merge import graded
    from grader.reports.github import add_to_summary, commands_stopped
    from grader.reports.pulling import PullProgress, pull_summary
    from grader.reports.terminal import make_console

    if before and pinned:
        raise click.UsageError("--before and --pinned exclude each other")
    course = find_course(root)
    known: frozenset[tuple[str, str]] = graded(course) if ungraded else frozenset()
    wish = Wish(parse_time(before) if before else None, pinned, known)
    with commands_stopped(sys.stdout), PullProgress(make_console(), lang) as progress:
        pulls = pull_all(course, names, wish, jobs or JOBS, progress.told)
    add_to_summary(pull_summary(pulls, lang))
    sys.exit(exit_code(pulls))


@main.command()
@click.argument("name", required=False)
@click.argument("url", required=False)
@click.option("--branch", default="", metavar="BRANCH", help="Default: the server's own default branch.")
@click.option(
    "--from", "table", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="CSV",
    help="Enrol a whole class: a table with the columns name, url and, if you like, branch.",
)  # fmt: skip
@_course
def add(root: Path, name: str | None, url: str | None, branch: str, table: Path | None) -> None:
    """Enrol NAME with the repository at URL, as a submodule; `grader pull` then fetches it.

    For somebody who is enrolled already, URL and branch are changed. A plain folder needs none of this: put
    it into submissions/.

    \b
    Examples:
      grader add ann https://github.com/ann/llm
      grader add bob git@git.campus:bob/llm --branch final
      grader add --from students.csv
    """
    from grader.course import find_course
    from grader.git import Student, read_students
    from grader.git import add as enrol

    if (table is None) == (name is None) or (name is None) != (url is None):
        raise click.UsageError("give NAME and URL, or --from CSV")
    course = find_course(root)
    students = read_students(table) if table else [Student(str(name), str(url), branch)]
    new, changed = enrol(course, students)
    for what, names in (("enrolled", new), ("changed", changed)):
        if names:
            click.echo(f"{what}: {', '.join(names)}")
    click.echo("`grader pull` fetches them" if new or changed else "nothing is new")


@main.command()
@click.argument("names", nargs=-1, required=True, metavar="SUBMISSION...")
@click.option("--delete", is_flag=True, help="Plain folders, too; they may be the only copy.")
@_course
def remove(root: Path, names: tuple[str, ...], delete: bool) -> None:
    """Take students out: their entry, their files here and the record. Results stay in the store."""
    from grader.course import find_course
    from grader.git import remove as take_out

    click.echo(f"removed: {', '.join(take_out(find_course(root), names, folders=delete))}")


@main.command("list")
@_lang
@_course
def list_(root: Path, lang: str) -> None:
    """List the exercises and submissions of the course."""
    from grader.course import find_course
    from grader.submission import list_submissions

    course = find_course(root)
    click.echo("exercises")
    for exercise in course.exercises():
        title = exercise.title.zh if lang == "zh" else exercise.title.en
        needs = f", builds on {', '.join(exercise.requires)}" if exercise.requires else ""
        bonus = sum(spec.points for spec in exercise.tests if spec.bonus)
        click.echo(
            f"  {exercise.name:16} {title} ({len(exercise.tests)} tests, 100 points, {bonus:g} bonus{needs})"
        )
    click.echo("submissions")
    for submission in list_submissions(course.submissions_path):
        present = [n for n in course.exercise_names if (submission.path / "exercises" / n).is_dir()]
        click.echo(f"  {sanitise.line(submission.name):16} {', '.join(present) or 'no exercise folder'}")


@main.command()
@click.argument("exercises", nargs=-1, metavar="[EXERCISE]...")
@click.option(
    "--full",
    is_flag=True,
    help="20 seeds and the whole mutant x test matrix. Default: one seed, and each mutant on "
    "the tests it names.",
)
@click.option(
    "--feedback",
    is_flag=True,
    help="See instead which mistakes are named where a variant makes them: each mutant in one variant, on "
    "the tests that tell it from others; with --full in every variant, on all tests.",
)
@click.option("--seed", type=click.IntRange(0), metavar="N", help="One seed instead of random ones.")
@_device
@_slots
@_no_sandbox
@_course
def verify(root: Path, exercises: tuple[str, ...], feedback: bool, **options: Any) -> None:  # noqa: ANN401
    """Test the tests: prove that they pass what is right and catch what is wrong.

    Reference and variants must get 100 %, every mutant must fail the tests that name it, solutions that
    answer trivially may get 10 points at most, the starter must import and score 0. Prints the mutant x
    test table and the smallest margins to each tolerance; exit code 4 if anything survives, or with
    --feedback if less than 85 % of the mistakes are named rightly or any is named wrongly.
    """
    from grader.course import find_course
    from grader.reports.feedback import feedback_text
    from grader.reports.verification import verification_text
    from grader.run import measure_feedback, verify_course

    def progress(done: int, total: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{done}/{total}", nl=done == total, err=True)

    course = find_course(root)
    if feedback:
        told = measure_feedback(course, exercises, progress=progress, **options)
        click.echo(feedback_text(told))
        sys.exit(0 if all(f.good for f in told) else ContentError.exit_code)
    found = verify_course(course, exercises, progress=progress, **options)
    click.echo(verification_text(found))
    sys.exit(ContentError.exit_code if any(v.problems for v in found) else 0)


@main.command()
def doctor() -> None:
    """Show what this machine can grade, and how well student code can be confined here."""
    from grader.doctor import examine

    for finding in examine():
        mark = click.style("ok ", fg="green") if finding.ok else click.style("-- ", fg="yellow")
        click.echo(f"{mark} {finding.name:32} {finding.detail}")
        if finding.remedy:
            click.echo(f"     {finding.remedy}")
