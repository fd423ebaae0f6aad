"""The `publish:` section of grader.yaml: what is right is read, what is wrong is named with its line."""

import pytest

from grader.course import read_course
from grader.errors import ContentError
from grader.targets import Endpoint, GitHub, Patience, Targets

RIGHT = """\
publish:
  lang: zh
  languages: {alice: en}
  files: [gradescope]
  github: {post: status, token: BOT_TOKEN, api: https://git.uni.edu/api/v3/, server: https://git.uni.edu}
  endpoints:
    ranking:
      url: https://rank.example.org/web/createByThirdToken
      header: "token: {token}"
      timeout: 5
      attempts: 2
      accepted: {result: 1}
      body: {channel: github, courseId: 1948, name: "{owner}", score: "{points}", totalScore: "{maximum}"}
"""
ENDPOINT = "publish: {endpoints: {r: {url: https://x.org, body: {a: 1}, %s}}}\n"
BODY = "publish:\n  endpoints:\n    r:\n      url: https://x.org\n      body:\n        a: 1\n        b: %s\n"


def read(course, text):
    with (course.root / "grader.yaml").open("a") as file:
        file.write(text)
    return read_course(course.root).targets


def test_all_of_it_is_read(course):
    ranking = Endpoint(
        name="ranking",
        url="https://rank.example.org/web/createByThirdToken",
        body={
            "channel": "github",
            "courseId": 1948,
            "name": "{owner}",
            "score": "{points}",
            "totalScore": "{maximum}",
        },
        token="GRADER_RANKING_TOKEN",
        header=("token", "{token}"),
        accepted={"result": 1},
        patience=Patience(timeout=5, attempts=2),
    )
    github = GitHub("https://git.uni.edu/api/v3", "https://git.uni.edu", "BOT_TOKEN", "status")
    assert read(course, RIGHT) == Targets("zh", {"alice": "en"}, ("gradescope",), github, (ranking,))


def test_without_it_nothing_is_posted(course):
    assert read(course, "") == Targets()


def test_loopback_needs_no_encryption(course):
    assert (
        read(course, "publish: {github: {api: 'http://127.0.0.1:8080'}}").github.api
        == "http://127.0.0.1:8080"
    )


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("publish: [a]", 5, "'publish' must be a mapping"),
        ("publish: {lung: en}", 5, "unknown key 'lung'"),
        ("publish:\n  lang: fr", 6, "'lang' must be one of en, zh"),
        ("publish:\n  languages: {alice: fr}", 6, "'alice' must be one of en, zh"),
        ("publish:\n  files: [canvas]", 6, "'canvas' is no format; known: gradescope, classroom"),
        ("publish:\n  github:\n    post: comment", 7, "'post' must be one of check, status"),
        ("publish:\n  github:\n    api: http://git.uni.edu", 7, "must begin with https://"),
        ("publish:\n  github:\n    api: https://me:secret@git.uni.edu", 7, "must hold no password"),
        ("publish:\n  github:\n    api: ftp://git.uni.edu", 7, "must be a web address"),
        ("publish:\n  github:\n    api: 'https://[::1'", 7, "is not a web address"),
        ("publish:\n  github:\n    api: 'https://x:99999999'", 7, "is not a web address"),
        ("publish:\n  github:\n    token: ghp_16C7e42F2", 7, "the token itself never stands in a file"),
        ("publish:\n  github:\n    timeout: 0", 7, "more than 0 seconds"),
        ("publish:\n  github:\n    attempts: 2.5", 7, "whole number from 1 to 10"),
        ("publish:\n  github:\n    attempts: 0", 7, "whole number from 1 to 10"),
        ("publish:\n  endpoints:\n    github: {}", 7, "an endpoint cannot be called 'github'"),
        ("publish:\n  endpoints:\n    r: {url: https://x.org}", 7, "'body' is missing"),
        ("publish:\n  endpoints:\n    r: {body: {a: 1}}", 7, "'url' is missing"),
        ("publish:\n  endpoints:\n    r: 7", 7, "'r' must be a mapping"),
        (ENDPOINT % "header: token", 5, "'header' must look like"),
        (ENDPOINT % 'header: "a: {token} {token}"', 5, "'header' must look like"),
        (ENDPOINT % 'header: "a: {secret}"', 5, "'header' must look like"),
        (ENDPOINT % 'header: "a: {token}\\nb: c"', 5, "'header' must look like"),
        (ENDPOINT % "each: week", 5, "'each' must be one of student, exercise"),
        (BODY % '"{score}"', 11, "'b' asks for {score}; known: course, name, owner"),
        (BODY % '"{exercise}"', 11, "'b' asks for {exercise}"),
        (BODY % '"{points.__class__}"', 11, "'b' asks for {points.__class__}"),
        (BODY % '"{points:>9999999999}"', 11, "'b' is no template"),
        (BODY % '"{points!r}"', 11, "'b' is no template"),
        (BODY % '"{points"', 11, "'b' is no template"),
        (BODY % '["{who}"]', 11, "'b' asks for {who}"),
        (BODY % '{c: "{who}"}', 11, "'c' asks for {who}"),
        (BODY % "2026-01-01", 11, "must be text, a number, a list"),
        (BODY % "[[1]]", 11, "must be text, a number, a list"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(course, text, line, problem):
    with pytest.raises(ContentError) as caught:
        read(course, text)
    assert caught.value.line == line
    assert problem in caught.value.problem
    assert "secret" not in str(caught.value).replace("{secret}", "")
