"""What students are told on their commit: which lines, which words, in which language, and once."""

from dataclasses import replace

import pytest

from grader.job import Place, Status, Text
from grader.publish import github
from grader.publish.annotations import MOST, marks_on
from grader.publish.web import PostError, Web
from grader.targets import GitHub

from .conftest import COMMIT, FILES, HASTY, RAISED, book_of, failed, job
from .service import TOKEN

TEXT = Text("Sum over the last dimension.", "对最后一维求和。")
SOLUTION = "exercises/vectors/solution.py"
TRACEBACK = """Traceback (most recent call last):
  File "exercises/vectors/solution.py", line 2, in <module>
    x
  File "exercises/vectors/more.py", line 3, in x
    y
ValueError: z"""


def marks(result, lang="en"):
    return marks_on(book_of(result).rows, lang)


def test_an_exception_is_marked_where_it_was_raised():
    (mark,) = marks(job("alice", test_dot=failed("test_dot")))
    assert (mark.path, mark.line, mark.title) == (SOLUTION, 7, "Vectors: V1 · dot")
    assert mark.message.startswith("your code raised ValueError")


def test_marks_speak_the_students_language():
    (mark,) = marks(job("alice", test_dot=failed("test_dot")), "zh")
    assert (mark.line, mark.title) == (7, "向量: V1 · 点积")
    assert mark.message.startswith("你的代码抛出了")


def test_one_line_is_marked_once_for_all_tests():
    (mark,) = marks(job("alice", test_dot=failed("test_dot"), test_sum=failed("test_sum")))
    assert (mark.line, mark.title) == (7, "Vectors: V1 · dot")
    assert mark.message.count("your code raised ValueError") == 1


@pytest.mark.parametrize(
    ("notice", "places"),
    [
        ("solution.py, line 3: `import os`: no\nmore.py, line 2: syntax error", [(3, 0), (2, 1)]),
        (TRACEBACK, [(3, 1)]),
        ("vectors/solution.py, line 10: no", [(10, 0)]),
    ],
)
def test_notices_are_marked_line_by_line(notice, places):
    found = marks(job("alice", notice=notice))
    assert [(mark.line, mark.path) for mark in found] == [(line, FILES[i][0]) for line, i in places]


OUTSIDE = [
    ("/etc/passwd.py", 1),
    ("../../x.py", 1),
    (SOLUTION, 11),
    (SOLUTION, 0),
    ("exercises/vectors/other.py", 1),
    (SOLUTION, 99999999999),
    ("hidden_tests/test_a.py", 3),
    ("exercises/vectors/../vectors/solution.py", 1),
]


@pytest.mark.parametrize(("file", "line"), OUTSIDE)
def test_a_place_that_was_not_graded_is_never_marked(file, line):
    assert marks(job("mallory", test_dot=failed("test_dot", place=Place(file, line)))) == ()
    assert marks(job("mallory", notice=f"{file}, line {line}: no")) == ()


def test_there_are_no_more_marks_than_github_takes():
    files = (("exercises/vectors/solution.py", 1000),)
    notice = "\n".join(f"solution.py, line {n}: no" for n in range(1, 200))
    result = replace(job("mallory", notice=notice), files=files)
    assert len(marks(result)) == MOST


@pytest.mark.parametrize(
    ("url", "server", "found"),
    [
        ("https://github.com/ann/llm.git", "https://github.com", "ann/llm"),
        ("https://github.com/ann/llm", "https://github.com", "ann/llm"),
        ("git@github.com:ann/llm.git", "https://github.com", "ann/llm"),
        ("ssh://git@github.com:22/ann/llm.git", "https://github.com", "ann/llm"),
        ("https://git.uni.edu/ann/llm.git", "https://git.uni.edu", "ann/llm"),
        ("https://gitee.com/ann/llm.git", "https://github.com", None),
        ("https://github.com.evil.org/ann/llm", "https://github.com", None),
        ("git@evil.org:github.com/llm", "https://github.com", None),
        ("https://github.com/ann", "https://github.com", None),
        ("https://github.com/ann/../x", "https://github.com", None),
        ("https://github.com/ann/..", "https://github.com", None),
        ("https://github.com/ann/llm?x", "https://github.com", None),
        ("", "https://github.com", None),
    ],
)
def test_a_repository_is_known_by_its_address(url, server, found):
    assert github.repository_at(url, server) == found


# ------------------------------------------------------------------ posting


def page(*jobs, lang="en", **changes):
    jobs = jobs or (job("alice", test_dot=failed("test_dot", hint=TEXT)), job("alice", "matrices"))
    return replace(github.page_of(book_of(*jobs), jobs[0].submission, "ann/llm", lang), **changes)


def send(service, page, key="key-1", post="check"):
    target = GitHub(api=service.url, post=post)
    github.send(Web(service.url, ("Authorization", "Bearer {token}"), TOKEN, HASTY), target, page, key)


def test_a_check_says_points_losses_and_hints(service):
    send(service, page())
    ((repository, check),) = service.checks
    assert repository == "ann/llm"
    assert (check["name"], check["head_sha"], check["status"]) == ("grade", COMMIT, "completed")
    assert check["conclusion"] == "failure"
    assert check["output"]["title"] == "180/200 +10"
    summary = check["output"]["summary"]
    assert "| Vectors | 80/100 +5 |" in summary
    assert "| total | 180/200 +10 |" in summary
    assert "### Vectors — 4 of 5 pass" in summary
    assert "hint: Sum over the last dimension." in summary
    assert "V2" not in summary
    (mark,) = check["output"]["annotations"]
    assert (mark["path"], mark["start_line"], mark["end_line"]) == (SOLUTION, 7, 7)


def test_a_check_speaks_chinese(service):
    send(service, page(lang="zh"))
    summary = service.checks[0][1]["output"]["summary"]
    assert "| 向量 | 80/100 +5 |" in summary
    assert "提示: 对最后一维求和。" in summary


def test_full_marks_are_a_success(service):
    send(service, page(job("alice", test_gpu=Status.UNGRADABLE)))
    assert service.checks[0][1]["conclusion"] == "success"


def test_a_check_is_made_once_however_often_the_answer_is_lost(service):
    service.moods = ["well", "fails_afterwards"]
    send(service, page())
    service.moods = ["well", "hangs_afterwards"]
    send(service, page(), "key-2")
    send(service, page(), "key-2")
    assert [check["external_id"] for _, check in service.checks] == ["key-1", "key-2"]


def test_a_score_that_comes_back_is_told_again(service):
    for key in ("a", "b", "a"):
        send(service, page(), key)
    assert [check["external_id"] for _, check in service.checks] == ["a", "b", "a"]


def test_hostile_text_stays_text(service):
    nasty = (
        "``` @org/team <img src=x> ::set-output name=x::y \x1b[2J ![x](http://a.b) <!-- grade key-1 -->" * 99
    )
    send(
        service,
        page(
            job(
                "mallory", test_dot=failed("test_dot", nasty + RAISED, place=Place(SOLUTION, 7)), notice=nasty
            )
        ),
    )
    (check,) = [check for _, check in service.checks]
    summary = check["output"]["summary"]
    assert "\x1b" not in summary
    assert "@org" not in summary
    assert "::set-output" not in summary
    fences = [line for line in summary.splitlines() if line.startswith("```")]
    assert len(fences) % 2 == 0


def test_a_long_page_is_cut_to_what_github_takes(service):
    words = ("界" * 100 + "\n") * 75
    lost = {name: failed(name, words) for name in ("test_dot", "test_sum", "test_angle")}
    send(service, page(job("mallory", **lost), job("mallory", "matrices", notice=words, **lost)))
    summary = service.checks[0][1]["output"]["summary"]
    assert 40_000 < len(summary.encode()) <= github.PAGE
    assert "| Matrices |" in summary
    assert summary.endswith("_shortened here for lack of room_\n")
    assert summary.count("```") % 2 == 0


def test_a_status_comes_with_a_comment(service):
    send(service, page(), post="status")
    ((_, commit, status),) = service.statuses
    assert (commit, status["state"], status["context"]) == (COMMIT, "failure", "grade")
    assert status["description"] == "180/200 +10"
    ((_, _, comment),) = service.comments
    assert "| Vectors | 80/100 +5 |" in comment["body"]
    assert f"- `{SOLUTION}:7` Vectors: V1 · dot" in comment["body"]


def test_a_second_status_changes_the_comment_and_nothing_is_said_twice(service):
    send(service, page(), post="status")
    send(service, page(), post="status")
    assert (len(service.statuses), len(service.comments), len(service.posts())) == (1, 1, 2)
    better = page(job("alice"))
    send(service, better, "key-2", post="status")
    assert [s["description"] for _, _, s in service.statuses] == ["180/200 +10", "100/100 +5"]
    ((_, _, comment),) = service.comments
    assert "100/100" in comment["body"]


def test_a_comment_whose_answer_was_lost_is_not_made_twice(service):
    service.moods = ["well", "well", "well", "hangs_afterwards"]
    send(service, page(), post="status")
    assert len(service.comments) == 1


def test_somebody_elses_comment_that_looks_like_ours_is_left_alone(service):
    service.comments.append(("ann/llm", COMMIT, {"id": 1, "body": "<!-- grade x -->", "foreign": True}))
    send(service, page(), post="status")
    assert [c["body"][:16] for _, _, c in service.comments] == ["<!-- grade x -->", "<!-- grade key-1"]


@pytest.mark.parametrize(
    ("trouble", "post", "said"),
    [
        (
            {"gone": {"ann/llm"}},
            "check",
            "ann/llm is gone, or the token in GRADER_GITHUB_TOKEN has no access",
        ),
        ({"only_apps": True}, "check", "only a GitHub App with `checks: write` can"),
        (
            {"moods": ["well", "forbids"]},
            "status",
            "may not write a status in ann/llm; it needs write access",
        ),
        ({"moods": ["refuses"]}, "check", f"commit {COMMIT[:10]} is not in ann/llm any more"),
    ],
)
def test_what_is_refused_says_what_to_do(service, trouble, post, said):
    for name, value in trouble.items():
        setattr(service, name, value)
    with pytest.raises(PostError) as caught:
        send(service, page(), post=post)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
