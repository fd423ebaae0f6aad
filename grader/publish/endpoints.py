"""Scores for other services: bodies made by the template in grader.yaml, for each student or exercise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from grader.job import Score, State
from grader.publish.web import PostError, Web
from grader.reports.view import Gradebook
from grader.reports.wording import Lang, number, say
from grader.targets import Endpoint

Fields = Mapping[str, str | float]


def bodies(
    endpoint: Endpoint, book: Gradebook, name: str, repository: str, lang: Lang
) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield what is posted about one student as (subject, body)."""
    about = {
        "course": say(book.course, lang),
        "name": name,
        "owner": repository.partition("/")[0],
        "repository": repository,
    }
    if endpoint.each == "student":
        yield name, _filled(endpoint.body, about | _points(book.total(name)))
        return
    for row in book.of(name):
        if row.state is not State.UNGRADED:
            of_exercise = {"exercise": row.exercise, "title": say(row.title, lang), "commit": row.commit}
            yield f"{name}/{row.exercise}", _filled(endpoint.body, about | of_exercise | _points(row.score))


def send(web: Web, endpoint: Endpoint, body: Mapping[str, object], key: str) -> None:
    """Post one body. Raises PostError; also where the service answers, but does not say that it took it."""
    answer = web.send("", body, key=key)
    given = answer if isinstance(answer, dict) else {}
    wrong = [name for name, due in endpoint.accepted.items() if name not in given or given[name] != due]
    if wrong:
        raise PostError(
            f"{endpoint.name} did not take the score: in its answer "
            + ", ".join(f"{name!r} is not {endpoint.accepted[name]!r}" for name in wrong)
        )


def _points(score: Score) -> dict[str, str | float]:
    share = 100 * score.points / score.maximum if score.maximum else 0.0
    return {
        "points": score.points,
        "maximum": score.maximum,
        "bonus": score.bonus,
        "total": score.total,
        "percent": share,
    }


def _filled(template: Mapping[str, object], fields: Fields) -> dict[str, object]:
    return {key: _value(value, fields) for key, value in template.items()}


def _value(template: object, fields: Fields) -> object:
    """Fill one value; a number alone in its braces stays a number."""
    match template:
        case dict():
            return _filled(template, fields)
        case list():
            return [_value(item, fields) for item in template]
        case str():
            alone = fields.get(template[1:-1]) if template[:1] == "{" else None
            return _plain(alone) if isinstance(alone, float | int) else template.format_map(_written(fields))
    return template


def _plain(value: float) -> float | int:
    """Return a number without noise in its last digits; a whole one as such."""
    rounded = round(value, 6)
    return int(rounded) if rounded == int(rounded) else rounded


def _written(fields: Fields) -> Mapping[str, str]:
    return {key: value if isinstance(value, str) else number(value, 6) for key, value in fields.items()}
