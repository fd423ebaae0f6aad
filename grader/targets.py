"""Where scores go: the `publish:` section of grader.yaml, checked before anything is sent anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from string import Formatter
from urllib.parse import urlsplit

from grader.manifest import Section

FILES = ("gradescope", "classroom")
LANGS = ("en", "zh")
STUDENT = ("course", "name", "owner", "repository", "points", "maximum", "bonus", "total", "percent")
EXERCISE = ("exercise", "title", "commit")  # more of what a body can say where each exercise has its own
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_HEADER = re.compile(r"([A-Za-z0-9-]+): ([ -z|~]*\{token\}[ -z|~]*)")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one answer may take, how often it is asked for, and how long is waited in between."""

    timeout: float = 20.0
    attempts: int = 5
    pause: float = 1.0  # before the second attempt; doubles from then on
    longest: float = 120.0  # a server that asks for a longer pause is left alone until the next time

    @property
    def whole(self) -> float:
        """How long all tries of one request may take, with the pauses in between."""
        return self.attempts * self.timeout + self.longest


@dataclass(frozen=True, slots=True)
class GitHub:
    """A check, or a commit status with a comment, on the commit of each student that was graded.

    `token` names the environment variable that holds the token.
    """

    api: str = "https://api.github.com"
    server: str = "https://github.com"
    token: str = "GRADER_GITHUB_TOKEN"  # noqa: S105  # a variable's name
    post: str = "check"
    name: str = "grade"
    patience: Patience = Patience()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A service that takes scores as JSON. `header` has `{token}` where the token belongs."""

    name: str
    url: str
    body: Mapping[str, object]
    token: str
    header: tuple[str, str] = ("Authorization", "Bearer {token}")
    each: str = "student"
    accepted: Mapping[str, object] = field(default_factory=dict)
    patience: Patience = Patience()


@dataclass(frozen=True, slots=True)
class Targets:
    """Everything that `grader publish` serves. `languages` are of students who read another than `lang`."""

    lang: str = "en"
    languages: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    github: GitHub | None = None
    endpoints: tuple[Endpoint, ...] = ()

    @property
    def any(self) -> bool:
        """Say whether there is anything to be done."""
        return bool(self.files or self.github or self.endpoints)


def read_targets(section: Section | None) -> Targets:
    """Read the section. Raises ContentError naming file and line."""
    if section is None:
        return Targets()
    section.allow_only("lang", "languages", "files", "github", "endpoints")
    files = section.words("files")
    for name in files:
        if name not in FILES:
            raise section.error(f"{name!r} is no format; known: {', '.join(FILES)}", "files")
    spoken = section.section("languages")
    languages = {name: _choice(spoken, name, LANGS) for name in spoken} if spoken else {}
    github = section.section("github")
    endpoints = section.section("endpoints")
    return Targets(
        lang=_choice(section, "lang", LANGS),
        languages=languages,
        files=files,
        github=_github(github) if github else None,
        endpoints=tuple(_endpoints(endpoints)) if endpoints else (),
    )


def placeholders(text: str) -> tuple[str, ...]:
    """Return the names in braces. Raises ValueError for what is no template."""
    names = []
    for _, name, form, conversion in Formatter().parse(text):
        if name is None:
            continue
        if form or conversion:
            raise ValueError(f"only a name can stand in braces, not {name}{conversion or ''}:{form}")
        names.append(name)
    return tuple(names)


def _github(section: Section) -> GitHub:
    section.allow_only("api", "server", "token", "post", "name", "timeout", "attempts")
    default = GitHub()
    return GitHub(
        api=_address(section, "api", default.api).rstrip("/"),
        server=_address(section, "server", default.server).rstrip("/"),
        token=_variable(section, default.token),
        post=_choice(section, "post", ("check", "status")),
        name=section.word("name", default.name),
        patience=_patience(section),
    )


def _endpoints(section: Section) -> Iterator[Endpoint]:
    for name in section:
        if name in (*FILES, "github"):
            raise section.error(f"an endpoint cannot be called {name!r}", name)
        one = section.section(name)
        assert one is not None
        one.allow_only("url", "token", "header", "each", "body", "accepted", "timeout", "attempts")
        each = _choice(one, "each", ("student", "exercise"))
        body = one.section("body")
        if body is None:
            raise one.error("'body' is missing: what is posted, as a mapping with {points} and the like")
        _check_body(body, STUDENT if each == "student" else STUDENT + EXERCISE)
        answer = one.section("accepted")
        yield Endpoint(
            name=name,
            url=_address(one, "url"),
            body=_mapping(one, "body"),
            token=_variable(one, f"GRADER_{re.sub(r'[^A-Z0-9]', '_', name.upper())}_TOKEN"),
            header=_header(one),
            each=each,
            accepted=_mapping(one, "accepted") if answer else {},
            patience=_patience(one),
        )


def _choice(section: Section, key: str, known: tuple[str, ...]) -> str:
    """Return one of some words, the first where none is given."""
    word = section.word(key, known[0])
    if word not in known:
        raise section.error(f"{key!r} must be one of {', '.join(known)}", key)
    return word


def _address(section: Section, key: str, default: str | None = None) -> str:
    """Return a web address to which a token may be sent."""
    address = section.word(key, default)
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise section.error(f"{key!r} is not a web address", key) from None
    if parts.scheme not in ("https", "http") or not host or not address.isascii() or " " in address:
        raise section.error(f"{key!r} must be a web address, https://HOST/PATH", key)
    if parts.username is not None or parts.password is not None:
        raise section.error(f"{key!r} must hold no password; name a variable under 'token'", key)
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise section.error(f"{key!r} must begin with https://, or the token could be read on its way", key)
    return address


def _variable(section: Section, default: str) -> str:
    name = section.word("token", default)
    if not _VARIABLE.fullmatch(name):
        raise section.error(
            "'token' names the environment variable that holds the token (capitals, digits, _); "
            "the token itself never stands in a file",
            "token",
        )
    return name


def _header(section: Section) -> tuple[str, str]:
    match = _HEADER.fullmatch(section.word("header", "Authorization: Bearer {token}"))
    if match is None or match[2].count("{") != 1:
        raise section.error(
            "'header' must look like 'token: {token}' or 'Authorization: Bearer {token}'", "header"
        )
    return match[1], match[2]


def _patience(section: Section) -> Patience:
    default = Patience()
    timeout = section.number("timeout", default.timeout)
    attempts = section.number("attempts", default.attempts)
    if not timeout:
        raise section.error("'timeout' must be more than 0 seconds", "timeout")
    if attempts not in range(1, 11):
        raise section.error("'attempts' must be a whole number from 1 to 10", "attempts")
    return Patience(timeout=timeout, attempts=int(attempts))


def _check_body(section: Section, known: tuple[str, ...]) -> None:
    """See that only known names stand in braces, anywhere below."""
    for key in section:
        value = section.plain(key)
        if isinstance(value, dict):
            inner = section.section(key)
            assert inner is not None
            _check_body(inner, known)
            continue
        for text in value if isinstance(value, list) else [value]:
            if text is not None and not isinstance(text, str | int | float | bool):
                raise section.error(f"{key!r} must be text, a number, a list of these, or a mapping", key)
            try:
                unknown = set(placeholders(text) if isinstance(text, str) else ()) - set(known)
            except ValueError as error:
                raise section.error(f"{key!r} is no template: {error}", key) from None
            if unknown:
                names = ", ".join(f"{{{name}}}" for name in sorted(unknown))
                raise section.error(f"{key!r} asks for {names}; known: {', '.join(known)}", key)


def _mapping(section: Section, key: str) -> Mapping[str, object]:
    value = section.plain(key)
    assert isinstance(value, dict)
    return value
