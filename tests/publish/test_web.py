"""Requests are patient with what may pass, short with what does not, and never show or misplace the token."""

import socket
import time

import pytest

from grader.publish.web import PostError, Web
from grader.targets import Patience

from .conftest import HASTY
from .service import TOKEN, Service

BEARER = ("Authorization", "Bearer {token}")


def connect(service, patience=HASTY, header=BEARER, token=TOKEN):
    return Web(service.url, header, token, patience)


def post(service, **options):
    return connect(service, **options).send("/rank", {"score": 1}, key="k")


def test_a_post_carries_body_token_and_key(service):
    assert post(service) == {"result": 1}
    (asked,) = service.asked
    assert asked.body == {"score": 1}
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["Idempotency-Key"] == "k"
    assert asked.headers["Content-Type"] == "application/json"


def test_the_header_is_the_courses_choice(service):
    post(service, header=("token", "{token}"))
    assert service.asked[0].headers["token"] == TOKEN
    assert "Authorization" not in service.asked[0].headers


@pytest.mark.parametrize(
    "mood", ["fails", "fails_afterwards", "hangs", "closes", "drips", "babbles", "limits_as_github"]
)
def test_what_may_pass_is_tried_again_with_the_same_key(service, mood):
    service.moods = [mood]
    assert post(service) == {"result": 1}
    assert [asked.headers["Idempotency-Key"] for asked in service.asked] == ["k", "k"]


@pytest.mark.parametrize(
    ("mood", "said"),
    [
        ("fails", "it answers 500, 'trouble with …\\\\x1b[2J ⏎ : :error: :x'"),
        ("hangs", "no complete answer within 0.5 s"),
        ("drips", "no complete answer within 0.5 s"),
        ("closes", "the connection failed"),
        ("limits_as_github", "it answers 403, 'API rate limit exceeded'"),
    ],
)
def test_what_does_not_pass_is_one_line(service, mood, said):
    service.moods = [mood] * 9
    with pytest.raises(PostError) as caught:
        post(service)
    assert len(service.asked) == HASTY.attempts
    text = str(caught.value)
    assert said in text
    assert "run the same command later" in text
    assert TOKEN not in text
    assert text.isprintable()


def test_a_second_answer_is_not_taken_for_that_of_the_next_request(service):
    service.moods = ["answers_twice", "forbids"]
    web = connect(service)
    assert web.send("/rank", {"score": 1}) == {"result": 1}
    with pytest.raises(PostError, match="answers 403"):
        web.send("/rank", {"score": 2})


def test_a_server_says_when_to_come_back(service):
    service.moods = ["limits"]
    assert post(service) == {"result": 1}
    first, second = service.asked
    assert second.when - first.when >= 1


def test_a_server_that_says_much_later_is_left_alone(service):
    service.moods = ["limits_long"]
    with pytest.raises(PostError, match="asks for 3600 s"):
        post(service)
    assert len(service.asked) == 1


def test_a_repeated_post_is_asked_for_first(service):
    service.moods = ["hangs_afterwards"]
    assert connect(service).send("/rank", {"score": 1}, arrived=lambda: bool(service.scores)) is None
    assert len(service.scores) == 1


@pytest.mark.parametrize(
    ("mood", "status", "hopeless"),
    [("forbids", 403, False), ("refuses", 422, False)],
)
def test_what_is_refused_is_not_tried_again(service, mood, status, hopeless):
    service.moods = [mood]
    with pytest.raises(PostError) as caught:
        post(service)
    assert (caught.value.status, caught.value.hopeless) == (status, hopeless)
    assert len(service.asked) == 1


def test_a_token_that_is_not_valid_is_hopeless_and_not_shown(service):
    with pytest.raises(PostError, match="answers 401") as caught:
        post(service, token="wrong")
    assert caught.value.hopeless
    assert "wrong" not in str(caught.value)


def test_the_token_is_never_sent_to_another_host(service):
    with Service() as other:
        service.moods, service.elsewhere = ["redirects_away"], other.url
        with pytest.raises(PostError) as caught:
            post(service)
        assert other.asked == []
    assert f"redirect to {other.url} (307), where the token was not sent" in str(caught.value)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "where", ["http://[::1/x", f"http://{TOKEN}.example", "http://other.example", "//other.example"]
)
def test_a_redirect_to_nowhere_is_an_error_without_the_token(service, where):
    service.moods, service.elsewhere = ["redirects_away"], where
    with pytest.raises(PostError, match="redirect to") as caught:
        post(service)
    assert TOKEN.lower() not in str(caught.value).lower()


def test_a_redirect_within_the_service_is_followed(service):
    service.moods = ["redirects"]
    assert post(service) == {"result": 1}
    service.moods = ["redirects"] * 9
    with pytest.raises(PostError, match="in a circle"):
        post(service)


def test_an_answer_is_of_bounded_size(service):
    service.moods = ["floods"]
    with pytest.raises(PostError, match="sends more than 1 MiB"):
        post(service)


def test_an_answer_that_is_no_json_is_none(service):
    service.moods = ["not_json"]
    assert post(service) is None


def test_a_service_that_is_not_there():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    patience = Patience(timeout=0.5, attempts=2, pause=0.001)
    web = Web(f"http://127.0.0.1:{port}", BEARER, TOKEN, patience)
    with pytest.raises(PostError, match=f"127.0.0.1:{port}: the connection failed"):
        web.get("/")


ONCE = Patience(timeout=1.0, attempts=1)
DRIPS = [
    "drips",
    "drips_status",
    "drips_headers",
    "drips_into_a_header",
    "drips_chunks",
    "goes_on",
    "dawdles",
]


@pytest.mark.parametrize("mood", DRIPS)
def test_a_service_that_drips_is_left_at_the_deadline(service, mood):
    """Each byte comes soon after the last, so no wait for one of them ever ends."""
    service.moods = [mood] * 9
    started = time.monotonic()
    with pytest.raises(PostError, match="no complete answer within 1 s"):
        post(service, patience=ONCE)
    assert 0.9 < time.monotonic() - started < 5


def test_a_service_that_never_ends_the_handshake_is_left_at_the_deadline():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        web = Web(f"https://127.0.0.1:{silent.getsockname()[1]}", BEARER, TOKEN, ONCE)
        started = time.monotonic()
        with pytest.raises(PostError, match=r"the connection failed \(ConnectTimeout\)"):
            web.get("/")
        assert time.monotonic() - started < 5


def test_all_tries_of_a_request_have_one_deadline(service):
    """Also those that ask, between two tries of a post, whether it has arrived."""
    service.moods = ["drips_headers"] * 99
    patience = Patience(timeout=0.4, attempts=5, pause=0.001, longest=0.1)
    web = connect(service, patience=patience)
    started = time.monotonic()
    with pytest.raises(PostError, match="run the same command later"):
        web.send("/rank", {"score": 1}, arrived=lambda: web.get("/rank") is not None)
    assert time.monotonic() - started < patience.whole + 3


def test_a_pause_beyond_the_deadline_is_not_waited_for(service):
    service.moods = ["drips_headers", "limits"]
    patience = Patience(timeout=0.3, attempts=2, pause=0.001, longest=0.2)
    assert patience.whole < 1
    with pytest.raises(PostError, match="asks for 1 s"):
        post(service, patience=patience)
