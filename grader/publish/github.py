"""Tell students their score where they look: on the commit in their own repository."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from grader.job import Score, Text
from grader.publish.annotations import Annotation, marks_on
from grader.publish.record import digest_of
from grader.publish.web import PostError, Web
from grader.reports.markdown import student_page
from grader.reports.view import Gradebook
from grader.reports.wording import Lang, score_words
from grader.sanitise import markdown_line
from grader.targets import GitHub

PAGE = 60_000  # bytes of a summary; GitHub takes 65,535 characters
_DESCRIPTION = 140  # characters of a commit status
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True)
class Page:
    """What one student is told, and where."""

    repository: str  # OWNER/NAME
    commit: str
    title: str
    summary: str
    passed: bool
    annotations: tuple[Annotation, ...] = ()

    @property
    def digest(self) -> str:
        """Return a digest of all of it."""
        marks = [(mark.path, mark.line, mark.title, mark.message) for mark in self.annotations]
        return digest_of(self.repository, self.commit, self.title, self.summary, self.passed, marks)


def page_of(book: Gradebook, name: str, repository: str, lang: Lang, notes: Sequence[Text] = ()) -> Page:
    """Make one student's page. `repository` is OWNER/NAME, `notes` are what pulling has to tell."""
    rows = book.of(name)
    total = book.total(name)
    newest = max((row for row in rows if _COMMIT.fullmatch(row.commit)), key=lambda row: row.graded)
    return Page(
        repository=repository,
        commit=newest.commit,
        title=score_words(total, lang),
        summary=student_page(book, name, lang, PAGE, notes),
        passed=_full(total),
        annotations=marks_on(rows, lang),
    )


def has_commit(book: Gradebook, name: str) -> bool:
    """Say whether it is known which commit of a submission was graded."""
    return any(_COMMIT.fullmatch(row.commit) for row in book.of(name))


def repository_at(url: str, server: str) -> str | None:
    """Return OWNER/NAME of a repository on that server, None for one somewhere else."""
    host = urlsplit(server).hostname
    if match := re.fullmatch(r"(?:ssh://)?[\w.-]+@([\w.-]+)(?::\d+)?[:/](.+)", url):
        there, path = match.groups()
    elif url.startswith(f"{server}/"):
        there, path = host, url.removeprefix(f"{server}/")
    else:
        return None
    pieces = path.strip("/").removesuffix(".git").split("/")
    named = len(pieces) == 2 and all(_NAME.fullmatch(p) and p not in (".", "..") for p in pieces)
    return "/".join(pieces) if there == host and named else None


def send(web: Web, target: GitHub, page: Page, key: str) -> None:
    """Post a page. Raises PostError with what to do."""
    try:
        if target.post == "check":
            _send_check(web, target.name, page, key)
        else:
            _send_status(web, target.name, page)
            _send_comment(web, target.name, page, key)
    except PostError as error:
        raise _explained(error, target, page) from None


def _send_check(web: Web, name: str, page: Page, key: str) -> None:
    """Create a check run, unless the newest one there is this one already."""
    repository = f"/repos/{page.repository}"
    newest = f"{repository}/commits/{page.commit}/check-runs?check_name={quote(name, safe='')}&filter=latest"

    def arrived() -> bool:
        answer = web.get(newest)
        runs = answer.get("check_runs") if isinstance(answer, dict) else None
        return any(isinstance(run, dict) and run.get("external_id") == key for run in runs or ())

    body = {
        "name": name,
        "head_sha": page.commit,
        "status": "completed",
        "conclusion": "success" if page.passed else "failure",
        "external_id": key,
        "output": {
            "title": page.title,
            "summary": page.summary,
            "annotations": [_marked(mark) for mark in page.annotations],
        },
    }
    if not arrived():
        web.send(f"{repository}/check-runs", body, arrived=arrived)


def _marked(mark: Annotation) -> dict[str, object]:
    return {
        "path": mark.path,
        "start_line": mark.line,
        "end_line": mark.line,
        "annotation_level": "failure",
        "title": mark.title,
        "message": mark.message,
    }


def _send_status(web: Web, name: str, page: Page) -> None:
    """Set the commit's status; one that says the same is left as it is."""
    state, description = "success" if page.passed else "failure", page.title[:_DESCRIPTION]
    answer = web.get(f"/repos/{page.repository}/commits/{page.commit}/statuses?per_page=100")
    ours = (
        [s for s in answer if isinstance(s, dict) and s.get("context") == name]
        if isinstance(answer, list)
        else []
    )
    if ours and (ours[0].get("state"), ours[0].get("description")) == (state, description):
        return
    body = {"state": state, "context": name, "description": description}
    web.send(f"/repos/{page.repository}/statuses/{page.commit}", body)  # twice is the same as once


def _send_comment(web: Web, name: str, page: Page, key: str) -> None:
    """Put the summary under the commit, in the place of an earlier one of ours."""
    comments = f"/repos/{page.repository}/commits/{page.commit}/comments"
    mark = f"<!-- {re.sub('[^a-z0-9 ]', '', name.lower())} "

    def ours() -> list[tuple[object, str]]:
        answer = web.get(f"{comments}?per_page=100")
        found = [c for c in answer if isinstance(c, dict)] if isinstance(answer, list) else []
        return [(c.get("id"), str(c["body"])) for c in found if str(c.get("body")).startswith(mark)]

    places = "".join(f"- `{m.path}:{m.line}` {markdown_line(m.title)}\n" for m in page.annotations)
    body = f"{mark}{key} -->\n{page.summary}\n{places}"
    last = ours()
    if any(said.startswith(f"{mark}{key}") for _, said in last):
        return
    if last:
        try:
            web.send(f"/repos/{page.repository}/comments/{last[0][0]}", {"body": body}, method="PATCH")
        except PostError as error:
            if error.status not in (403, 404):  # somebody else's that begins as ours do
                raise
        else:
            return
    web.send(comments, {"body": body}, arrived=lambda: any(key in said for _, said in ours()))


def _explained(error: PostError, target: GitHub, page: Page) -> PostError:
    """Say what to do about the answers that courses meet."""
    token, repository = f"the token in {target.token}", page.repository
    needed = {
        "check": "only a GitHub App with `checks: write` can: install it there, or set `post: status`",
        "status": "it needs write access there",
    }
    remedies: Mapping[int, str] = {
        401: f"{token} is not valid (any more); make a new one",
        403: f"{token} may not write a {target.post} in {repository}; {needed[target.post]}",
        404: f"{repository} is gone, or {token} has no access to it; ask the student to grant it",
        422: f"commit {page.commit[:10]} is not in {repository} any more; pull and grade again",
    }
    remedy = remedies.get(error.status or 0)
    return PostError(f"{remedy} ({error})" if remedy else str(error), error.status, hopeless=error.hopeless)


def _full(score: Score) -> bool:
    return score.maximum > 0 and score.points >= score.maximum
