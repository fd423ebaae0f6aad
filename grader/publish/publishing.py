"""Post every student's score wherever grader.yaml says, each thing once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from grader.course import Course
from grader.errors import PublishError, UsageError
from grader.git import read_modules, read_record
from grader.job import State, Text
from grader.publish import endpoints, github
from grader.publish.record import Record, digest_of
from grader.publish.web import PostError, Web
from grader.reports.view import Gradebook
from grader.reports.wording import Lang
from grader.reports.write import write_formats
from grader.run import stored
from grader.targets import Endpoint, GitHub, Targets

PATIENCE = 3  # posts in a row that may come to nothing before a service is left alone
LONGEST = 1200.0  # seconds for all posts to one service: others wait for it, and so does what notes them
GITHUB = "github"


class Fate(StrEnum):
    """What became of one post."""

    POSTED = "posted"
    KNOWN = "known"  # taken already, by an earlier run
    WOULD = "would be posted"
    FAILED = "not posted"
    LEFT_OUT = "left out"  # for a reason that is no failure


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the command's output."""

    target: str
    subject: str
    fate: Fate
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.target}: {self.subject}: {self.fate}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, slots=True)
class _Post:
    """One thing to be sent. `send` takes the key that all its tries share."""

    subject: str
    digest: str
    detail: str
    send: Callable[[Web, str], None]


def publish_all(
    course: Course, reports: Path | None, *, dry_run: bool = False, environ: Mapping[str, str] = os.environ
) -> Iterator[Outcome]:
    """Write the files and post the scores of everything that is stored. Raises UsageError."""
    book, targets = stored(course), course.targets
    if not dry_run:
        folder = reports or course.root / "reports"
        write_formats(book, folder, targets.files, "zh" if targets.lang == "zh" else "en")
    addresses = {name: module.address.url for name, module in read_modules(course).good.items()}
    notes = {name: pull.notes for name, pull in read_record(course).items()}
    yield from publish(course, book, addresses, notes, dry_run=dry_run, environ=environ)


def publish(
    course: Course,
    book: Gradebook,
    addresses: Mapping[str, str],
    notes: Mapping[str, Sequence[Text]],
    *,
    dry_run: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Iterator[Outcome]:
    """Post what is new in `book` and yield what became of each post.

    `addresses` are the repositories' URLs, `notes` what pulling has to tell students. Raises UsageError where
    a token is missing, before anything is sent.
    """
    targets = course.targets
    services: list[tuple[str, GitHub | Endpoint]] = [(GITHUB, targets.github)] if targets.github else []
    services += [(endpoint.name, endpoint) for endpoint in targets.endpoints]
    tokens = {name: "" if dry_run else _token(name, target, environ) for name, target in services}
    record = Record(course.published_path)
    for name, target in services:
        posts = _posts(name, target, targets, book, addresses, notes)
        if dry_run:
            yield from _compared(name, posts, record)
        else:
            yield from _serve(name, target, tokens[name], posts, record)


def _token(name: str, target: GitHub | Endpoint, environ: Mapping[str, str]) -> str:
    token = environ.get(target.token, "").strip()
    if not token:
        raise UsageError(f"publish: {name} needs a token, and the variable {target.token} is not set")
    if not (token.isascii() and token.isprintable()):
        raise UsageError(f"publish: what stands in {target.token} is no token: it has odd characters")
    return token


def _posts(
    service: str,
    target: GitHub | Endpoint,
    targets: Targets,
    book: Gradebook,
    addresses: Mapping[str, str],
    notes: Mapping[str, Sequence[Text]],
) -> Iterator[_Post | Outcome]:
    """Make what is to be posted to one service."""
    server = (targets.github or GitHub()).server
    for name in book.submissions:
        lang: Lang = "zh" if targets.languages.get(name, targets.lang) == "zh" else "en"
        repository = github.repository_at(addresses.get(name, ""), server) or ""
        if why := _unfit(target, book, name, repository):
            yield Outcome(service, name, Fate.LEFT_OUT, why)
        elif isinstance(target, Endpoint):
            for subject, body in endpoints.bodies(target, book, name, repository, lang):
                yield _Post(subject, digest_of(target.url, body), "", partial(_send_body, target, body))
        else:
            page = github.page_of(book, name, repository, lang, notes.get(name, ()))
            detail = f"{repository}@{page.commit[:10]}: {page.title}"
            yield _Post(name, page.digest, detail, partial(_send_page, target, page))


def _unfit(target: GitHub | Endpoint, book: Gradebook, name: str, repository: str) -> str:
    """Say why nothing is posted about a submission; empty where it can be."""
    rows = book.of(name)
    if any(row.wall == "none" for row in rows):
        return "graded without a sandbox"
    ungraded = [row.state is State.UNGRADED for row in rows]
    if isinstance(target, Endpoint):
        incomplete = any(ungraded) and target.each == "student"
        return "ungraded through a fault of the grader; grade again" if incomplete else ""
    if not repository:
        return f"no repository on {target.server}"
    return "" if github.has_commit(book, name) and not all(ungraded) else "no graded commit is known"


def _send_body(endpoint: Endpoint, body: Mapping[str, object], web: Web, key: str) -> None:
    endpoints.send(web, endpoint, body, key)


def _send_page(target: GitHub, page: github.Page, web: Web, key: str) -> None:
    github.send(web, target, page, key)


def _compared(name: str, posts: Iterable[_Post | Outcome], record: Record) -> Iterator[Outcome]:
    for post in posts:
        if isinstance(post, Outcome):
            yield post
        else:
            known = record.knows(name, post.subject, post.digest)
            yield Outcome(name, post.subject, Fate.KNOWN if known else Fate.WOULD, post.detail)


def _serve(
    name: str, target: GitHub | Endpoint, token: str, posts: Iterable[_Post | Outcome], record: Record
) -> Iterator[Outcome]:
    """Send to one service what it has not; leave it alone where it does not work."""
    url, header = (
        (target.api, ("Authorization", "Bearer {token}"))
        if isinstance(target, GitHub)
        else (target.url, target.header)
    )
    lost = 0
    given_up = ""
    web = Web(url, header, token, target.patience)
    end = time.monotonic() + LONGEST
    for post in posts:
        if isinstance(post, Outcome):
            yield post
        elif record.knows(name, post.subject, post.digest):
            yield Outcome(name, post.subject, Fate.KNOWN, post.detail)
        elif given_up:
            yield Outcome(name, post.subject, Fate.FAILED, given_up)
        else:
            try:
                post.send(web, record.key(name, post.subject, post.digest))
            except PostError as error:
                yield Outcome(name, post.subject, Fate.FAILED, str(error))
                lost += error.status is None or error.status >= 500 or error.status == 429
                if error.hopeless or lost >= PATIENCE:
                    given_up = f"{name} was left alone after that"
            else:
                lost = 0
                record.note(name, post.subject, post.digest)
                yield Outcome(name, post.subject, Fate.POSTED, post.detail)
            if time.monotonic() > end:
                given_up = given_up or f"{name} was left alone after {LONGEST / 60:g} minutes"


def checked(outcomes: Iterable[Outcome]) -> None:
    """Raise PublishError if anything could not be posted."""
    failed = [outcome for outcome in outcomes if outcome.fate is Fate.FAILED]
    if failed:
        where = ", ".join(dict.fromkeys(outcome.target for outcome in failed))
        raise PublishError(
            f"{len(failed)} scores could not be posted ({where}); what was posted is noted, "
            "run the same command again for the rest"
        )
