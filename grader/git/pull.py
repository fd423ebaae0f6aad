"""Pull many submissions at once; one that cannot be pulled never stops the others."""

from __future__ import annotations

import shutil
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from grader.course import Course
from grader.errors import UsageError, unknown_name
from grader.faults import FaultLog
from grader.git.failures import Reason, Refused, blame, fault
from grader.git.modules import Modules, read_modules
from grader.git.process import Children, Git, require_git
from grader.git.record import Outcome, Pull, now, read_record, record_path, write_record
from grader.git.repository import Repository, modules_folder, repository
from grader.git.servers import Servers
from grader.job import Text
from grader.lock import turn
from grader.sanitise import line
from grader.submission.listing import Submission, list_submissions

JOBS = 8
_OFTEN = 1  # seconds between two writings of the record, of which a kill would lose so much
_CODES = {
    Reason.ENTRY: 4, Reason.IN_THE_WAY: 4,
    Reason.NETWORK: 3, Reason.SERVER: 3, Reason.NOT_GIT: 3, Reason.ACCESS: 3, Reason.FAULT: 3,
}  # fmt: skip
_NO_TEXT = Text("", "")
_FOLDER = Text("a plain folder: left as it is", "普通文件夹：保持原样")


@dataclass(frozen=True, slots=True)
class Wish:
    """Which commit is wanted: the branch's, the last one `before` a time, or the course's `pinned` one.

    `graded` are (submission, commit) that need no fetching where there is nothing in the folder.
    """

    before: datetime | None = None
    pinned: bool = False
    graded: frozenset[tuple[str, str]] = frozenset()


def pull(
    course: Course,
    names: Sequence[str] = (),
    wish: Wish = Wish(),  # frozen
    jobs: int = JOBS,
    told: Callable[[str, Pull, int, int], None] = lambda *_: None,
) -> dict[str, Pull]:
    """Pull the named submissions (all without names), and return how it went, by name.

    `told(name, pull, done, total)` hears of each as it ends. Raises UsageError, ContentError.
    """
    require_git()
    with alone(course):
        modules = read_modules(course)
        folders = _plain(course, modules)
        chosen = _choose(names, modules, folders)
        record = read_record(course)
        pulls: dict[str, Pull] = {}
        written = time.monotonic()
        with closing(_pull_all(course, modules, chosen, record, wish, jobs)) as ended:
            try:
                for name, result in ended:
                    pulls[name] = result
                    told(name, result, len(pulls), len(chosen))
                    if time.monotonic() - written > _OFTEN:
                        write_record(course, {**record, **pulls})
                        written = time.monotonic()
            finally:
                write_record(course, {**record, **pulls})
    return pulls


def exit_code(pulls: Mapping[str, Pull]) -> int:
    """Return 0 if all went well; 4, 3 or 1 if the course, host or machine, or a student is to blame."""
    failed = [_CODES.get(Reason(p.reason), 1) for p in pulls.values() if p.outcome is Outcome.FAILED]
    return max(failed, default=0)


def _plain(course: Course, modules: Modules) -> list[str]:
    """Return the submissions that are folders and no submodules."""
    listed: Sequence[Submission] = list_submissions(course.submissions_path)
    known = {*modules.good, *modules.bad}
    return [submission.name for submission in listed if submission.name not in known]


def _choose(names: Sequence[str], modules: Modules, folders: Sequence[str]) -> list[str]:
    known = sorted({*modules.good, *modules.bad, *folders})
    for name in names:
        if name not in known:
            raise unknown_name("submission", name, known)
    return [name for name in known if not names or name in names]


def _pull_all(
    course: Course, modules: Modules, chosen: Sequence[str], record: Mapping[str, Pull], wish: Wish, jobs: int
) -> Generator[tuple[str, Pull]]:
    """Yield how each ended. When this is closed, all that is still at work is ended, too."""
    for name in chosen:
        known = record.get(name, Pull())
        if name in modules.bad:
            yield name, _failed(known, modules.bad[name], known.commit)
        elif name not in modules.good:
            yield name, replace(_good(known, Outcome.FOLDER, ""), message=_FOLDER)
    ours = [name for name in chosen if name in modules.good]
    if not ours:
        return
    pins = _pins(course) if wish.pinned else {}
    children, servers, log = Children(), Servers(course.pull), FaultLog(course.log_path)
    at = modules_folder(course)
    with ThreadPoolExecutor(jobs) as pool:
        todo = {}
        for name in ours:
            module, known = modules.good[name], record.get(name, Pull())
            there = repository(course, module, at, children, servers)
            todo[pool.submit(_pull_one, there, known, wish, pins.get(name, ""), log)] = name
        try:
            for done in as_completed(todo):
                yield todo[done], done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            children.stop()
            raise


def _pull_one(there: Repository, known: Pull, wish: Wish, pin: str, log: FaultLog) -> Pull:
    there = there.begin()
    found = _try_to_pull(there, known, wish, pin, log)
    try:
        there.bound()
    except (Refused, OSError):
        log.add(f"dropping old commits of {there.module.name}", traceback.format_exc())
    return found


def _try_to_pull(there: Repository, known: Pull, wish: Wish, pin: str, log: FaultLog) -> Pull:
    known = replace(known, url=there.module.address.url)
    try:
        there.require_place()
        if wish.before is not None:
            return _back(there, known, wish.before, wish)
        return _pin(there, known, pin, wish) if wish.pinned else _forward(there, known, wish)
    except Refused as refused:
        return _failed(known, refused, there.settle())
    except OSError as error:
        return _failed(known, fault(f"{error.strerror} ({error.filename})"), there.settle())
    except Exception as error:  # whatever we did not foresee must not stop the others
        log.add(f"pulling {there.module.name}", traceback.format_exc())
        return _failed(known, fault(f"{line(repr(error))}; see {log.path}"), there.settle())


def _forward(there: Repository, known: Pull, wish: Wish) -> Pull:
    """Go to where the branch is."""
    branch, commit = there.tip()
    known = replace(known, branch=branch)
    before = there.commit()
    if before == commit or _need_not(there, commit, wish):
        return _good(known.seen(commit, now()), Outcome.UNCHANGED, commit)
    if not there.has(commit):
        there.fetch(commit)
    known = known.seen(commit, now())
    notes = there.check_out(commit)
    last = before or known.commit  # in a new clone, only the record knows
    if last and last != commit and there.rewritten(last, commit):
        notes = (_rewritten(last, known), *notes)
    return _good(replace(known, notes=notes), Outcome.UPDATED, commit)


def _need_not(there: Repository, commit: str, wish: Wish) -> bool:
    """Say whether a commit need not be fetched; there is no folder then, as an empty one would be graded."""
    return (there.module.name, commit) in wish.graded and not there.settle()


def _back(there: Repository, known: Pull, time: datetime, wish: Wish) -> Pull:
    """Go to what had been fetched by a time."""
    found = known.at(time)
    if found:
        return _go(there, known, found.commit, wish)
    first = known.history[0].at if known.history else "-"
    there.empty()
    return _good(
        replace(
            known,
            notes=(
                Text(
                    f"nothing had been fetched by then (first fetched: {first}); nothing is graded",
                    f"截止时尚未拉取到任何内容（首次拉取：{first}）；不评测",
                ),
            ),
        ),
        Outcome.UPDATED,
        "",
    )


def _pin(there: Repository, known: Pull, commit: str, wish: Wish) -> Pull:
    """Go to the commit that the course records."""
    if not commit:
        raise Refused(
            Reason.ENTRY,
            Text(
                f"the course records no commit for it; `git add submissions/{there.module.name}` does",
                f"课程仓库没有记录它的提交；请运行 git add submissions/{there.module.name}",
            ),
        )
    return _go(there, known, commit, wish)


def _go(there: Repository, known: Pull, commit: str, wish: Wish) -> Pull:
    if there.commit() == commit or _need_not(there, commit, wish):
        return _good(known, Outcome.UNCHANGED, commit)
    if not there.has(commit):
        there.fetch(commit)
    return _good(replace(known, notes=there.check_out(commit)), Outcome.UPDATED, commit)


def _good(known: Pull, outcome: Outcome, commit: str) -> Pull:
    return replace(
        known, outcome=outcome, commit=commit, fetched=_fetched(known, commit), checked=now(),
        reason="", blame="", message=_NO_TEXT,
    )  # fmt: skip


def _failed(known: Pull, refused: Refused, commit: str) -> Pull:
    return replace(
        known, outcome=Outcome.FAILED, commit=commit, fetched=_fetched(known, commit), checked=now(),
        reason=refused.reason.value, blame=blame(refused.reason).value, message=refused.text,
    )  # fmt: skip


def _fetched(known: Pull, commit: str) -> str:
    return next((f.at for f in reversed(known.history) if f.commit == commit), "")


def _rewritten(before: str, known: Pull) -> Text:
    short, at = before[:12], _fetched(known, before)
    return Text(
        f"the history was rewritten (force-pushed); graded before: {short}, fetched {at}",
        f"历史被改写（强制推送）；之前评测的提交：{short}，拉取于 {at}",
    )


def _pins(course: Course) -> dict[str, str]:
    """Return the commits that the course's repository records, by submission."""
    done = Git(course.pull).run("-C", str(course.root), "ls-files", "--stage", "-z", "submissions")
    pins = {}
    for row in done.out.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        facts, _, path = row.partition("\t")
        mode, commit, _ = facts.split(" ")
        if mode == "160000":
            pins[path.removeprefix("submissions/")] = commit
    return pins


@contextmanager
def alone(course: Course) -> Iterator[None]:
    """Keep a second pull out, and clear away what one that was killed has left."""
    with turn(record_path(course).with_name("pull.lock"), _busy):
        if course.submissions_path.is_symlink():
            raise UsageError(f"{course.submissions_path} is a symbolic link; make it a folder")
        course.submissions_path.mkdir(exist_ok=True)
        for path in course.submissions_path.glob(".pull-*"):
            shutil.rmtree(path, ignore_errors=True)
        yield


def _busy() -> None:
    raise UsageError("another `grader pull` is at work here; wait for it to end")
