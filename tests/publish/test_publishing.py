"""Everything goes where grader.yaml says, each thing once; what fails is told, and stops no other."""

import json
from dataclasses import replace

import pytest

from grader.course import read_course
from grader.errors import PublishError, UngradedError, UsageError
from grader.job import State, Status, Text
from grader.publish import Fate, checked, publish
from grader.targets import Endpoint, GitHub, Targets

from .conftest import HASTY, book_of, failed, job
from .service import TOKEN

TOKENS = {"GRADER_GITHUB_TOKEN": TOKEN, "RANKING_TOKEN": TOKEN}
BODY = {
    "channel": "github",
    "courseId": 1948,
    "ext": "x",
    "name": "{owner}",
    "score": "{points}",
    "totalScore": "{maximum}",
}
URLS = {name: f"https://github.com/{name}-gh/llm.git" for name in ("alice", "bob", "carol", "dave", "erin")}

NOTES = {"bob": (Text("commit the files without LFS", "请不要使用 LFS 提交"),)}


@pytest.fixture
def tiny(course):
    return read_course(course.root)


def ranking(service, **changes):
    target = Endpoint(
        "ranking",
        f"{service.url}/rank",
        BODY,
        "RANKING_TOKEN",
        ("token", "{token}"),
        accepted={"result": 1},
        patience=HASTY,
    )
    return Targets(endpoints=(replace(target, **changes),))


def checks(service, **changes):
    return Targets(github=GitHub(api=service.url, patience=HASTY), **changes)


def run(tiny, targets, book, **options):
    options = {"environ": TOKENS} | options
    return list(publish(replace(tiny, targets=targets), book, URLS, NOTES, **options))


def fates(outcomes):
    return {outcome.subject: outcome.fate for outcome in outcomes}


CLASS = (job("alice"), job("bob", test_dot=failed("test_dot"), test_gpu=Status.UNGRADABLE))


def test_the_ranking_gets_the_scores_and_each_once(tiny, service):
    assert fates(run(tiny, ranking(service), book_of(*CLASS))) == {"alice": "posted", "bob": "posted"}
    assert service.scores == [
        {
            "channel": "github",
            "courseId": 1948,
            "ext": "x",
            "name": "alice-gh",
            "score": 100,
            "totalScore": 100,
        },
        {"channel": "github", "courseId": 1948, "ext": "x", "name": "bob-gh", "score": 30, "totalScore": 50},
    ]
    assert service.asked[0].headers["token"] == TOKEN
    assert fates(run(tiny, ranking(service), book_of(*CLASS))) == {"alice": "known", "bob": "known"}
    assert len(service.scores) == 2


def test_a_better_score_is_posted_alone(tiny, service):
    run(tiny, ranking(service), book_of(*CLASS))
    outcomes = run(tiny, ranking(service), book_of(CLASS[0], job("bob")))
    assert fates(outcomes) == {"alice": "known", "bob": "posted"}


def test_a_score_that_goes_back_is_posted_with_another_key(tiny, service):
    for result in (job("alice"), job("alice", test_dot=Status.FAILED), job("alice")):
        run(tiny, ranking(service), book_of(result))
    assert [body["score"] for body in service.scores] == [100, 80, 100]
    assert len({asked.headers["Idempotency-Key"] for asked in service.asked}) == 3


def test_a_post_that_got_no_answer_is_repeated_with_its_key(tiny, service):
    service.moods = ["hangs_afterwards"] * HASTY.attempts
    assert fates(run(tiny, ranking(service), book_of(job("alice")))) == {"alice": "not posted"}
    assert fates(run(tiny, ranking(service), book_of(job("alice")))) == {"alice": "posted"}
    assert len({asked.headers["Idempotency-Key"] for asked in service.asked}) == 1


def test_each_exercise_can_have_its_own_post(tiny, service):
    book = book_of(
        job("alice"), job("alice", "matrices", state=State.UNGRADED), job("bob", test_dot=Status.FAILED)
    )
    body = {
        "who": "{name}",
        "what": "{exercise} of {course}",
        "facts": [{"share": "{percent}"}, "{points}"],
        "n": 7,
    }
    outcomes = run(tiny, ranking(service, each="exercise", body=body | {"in": {"commit": "{commit}"}}), book)
    assert fates(outcomes) == {"alice/vectors": "posted", "bob/vectors": "posted"}
    first, second = service.scores
    assert first == {
        "who": "alice",
        "what": "vectors of Course",
        "facts": [{"share": 100}, 100],
        "n": 7,
        "in": {"commit": "c" * 40},
    }
    assert second["facts"] == [{"share": 80}, 80]


def test_a_score_that_the_service_does_not_take_is_not_noted(tiny, service):
    service.answer = {"result": 0, "message": "no such course"}
    (outcome,) = run(tiny, ranking(service), book_of(job("alice")))
    assert outcome.fate is Fate.FAILED
    assert "did not take the score: in its answer 'result' is not 1" in outcome.detail
    service.answer = {"result": 1}
    assert fates(run(tiny, ranking(service), book_of(job("alice")))) == {"alice": "posted"}


def test_students_are_told_where_they_push(tiny, service):
    outcomes = run(tiny, checks(service), book_of(*CLASS, job("zoe")))
    assert fates(outcomes) == {"alice": "posted", "bob": "posted", "zoe": "left out"}
    assert [repository for repository, _ in service.checks] == ["alice-gh/llm", "bob-gh/llm"]
    assert "no repository on https://github.com" in outcomes[-1].detail
    assert set(fates(run(tiny, checks(service), book_of(*CLASS))).values()) == {"known"}
    assert len(service.checks) == 2


def test_a_new_commit_with_the_same_score_gets_its_own_check(tiny, service):
    run(tiny, checks(service), book_of(job("alice")))
    run(tiny, checks(service), book_of(job("alice"), commit="d" * 40))
    assert [check["head_sha"][0] for _, check in service.checks] == ["c", "d"]


def test_each_student_is_spoken_to_in_their_language(tiny, service):
    targets = checks(service, lang="en", languages={"bob": "zh"})
    run(tiny, targets, book_of(job("alice"), job("bob")))
    assert ["| Vectors |" in c["output"]["summary"] for _, c in service.checks] == [True, False]
    assert "| 向量 |" in service.checks[1][1]["output"]["summary"]
    assert "\n> 请不要使用 LFS 提交\n" in service.checks[1][1]["output"]["summary"]


@pytest.mark.parametrize("make", [ranking, checks])
def test_what_was_graded_without_a_sandbox_is_never_posted(tiny, service, make):
    outcomes = run(tiny, make(service), book_of(job("mallory", wall="none")))
    assert [(o.fate, o.detail) for o in outcomes] == [("left out", "graded without a sandbox")]
    assert service.asked == []


def test_what_is_ungraded_is_no_score_but_told(tiny, service):
    book = book_of(job("alice"), job("alice", "matrices", state=State.UNGRADED))
    assert fates(run(tiny, ranking(service), book)) == {"alice": "left out"}
    assert fates(run(tiny, checks(service), book)) == {"alice": "posted"}
    assert "| Matrices | ungraded |" in service.checks[0][1]["output"]["summary"]


def test_a_repository_that_is_gone_stops_no_other(tiny, service):
    service.gone = {"alice-gh/llm"}
    outcomes = run(tiny, checks(service), book_of(*CLASS))
    assert fates(outcomes) == {"alice": "not posted", "bob": "posted"}
    with pytest.raises(PublishError, match=r"1 scores could not be posted \(github\)"):
        checked(outcomes)


def test_many_repositories_that_are_gone_stop_no_other(tiny, service):
    service.gone = {f"{name}-gh/llm" for name in ("alice", "bob", "carol", "dave")}
    outcomes = run(tiny, checks(service), book_of(*(job(name) for name in URLS)))
    assert [o.fate for o in outcomes] == ["not posted"] * 4 + ["posted"]


def test_a_service_that_is_down_is_left_alone_after_a_while(tiny, service):
    service.moods = ["fails"] * 99
    book = book_of(*(job(name) for name in URLS))
    outcomes = run(tiny, ranking(service), book)
    assert set(fates(outcomes).values()) == {"not posted"}
    assert [o.detail for o in outcomes[3:]] == ["ranking was left alone after that"] * 2
    assert len(service.asked) == 3 * HASTY.attempts


def test_a_token_that_is_not_valid_is_tried_once(tiny, service):
    outcomes = run(tiny, checks(service), book_of(*CLASS), environ={"GRADER_GITHUB_TOKEN": "stale"})
    assert set(fates(outcomes).values()) == {"not posted"}
    assert "the token in GRADER_GITHUB_TOKEN is not valid" in outcomes[0].detail
    assert len(service.asked) == 1
    assert all("stale" not in str(outcome) and TOKEN not in str(outcome) for outcome in outcomes)


@pytest.mark.parametrize("token", ["", "  ", None, "two\nlines", "tökén"])
def test_a_token_that_is_missing_is_said_before_anything_is_sent(tiny, service, token):
    environ = {"RANKING_TOKEN": token} if token is not None else {}
    with pytest.raises(UsageError, match="RANKING_TOKEN") as caught:
        run(tiny, ranking(service), book_of(*CLASS), environ=environ)
    assert service.asked == []
    assert "tökén" not in str(caught.value)


def test_a_dry_run_needs_no_token_and_sends_and_notes_nothing(tiny, service):
    targets = replace(checks(service), endpoints=ranking(service).endpoints)
    outcomes = run(tiny, targets, book_of(*CLASS), dry_run=True, environ={})
    assert [(o.target, o.fate) for o in outcomes] == [
        (t, "would be posted") for t in ("github", "github", "ranking", "ranking")
    ]
    assert "alice-gh/llm@cccccccccc: 100/100 +5" in str(outcomes[0])
    assert service.asked == []
    assert not tiny.published_path.exists()


def test_the_record_is_plain_and_sorted(tiny, service):
    run(tiny, ranking(service), book_of(*reversed(CLASS)))
    record = json.loads(tiny.published_path.read_text())
    assert list(record["posted"]["ranking"]) == ["alice", "bob"]
    assert TOKEN not in tiny.published_path.read_text()


def test_a_record_that_is_none_is_refused(tiny, service):
    tiny.published_path.parent.mkdir()
    tiny.published_path.write_text('{"format": 1, "posted": []}')
    with pytest.raises(UngradedError, match="is no record of what was posted"):
        run(tiny, ranking(service), book_of(*CLASS))
    assert service.asked == []


def test_a_course_without_targets_says_so(course):
    done = course.grader("publish")
    assert (done.returncode, done.stdout) == (0, "nothing to post: grader.yaml has no 'publish:'\n")
