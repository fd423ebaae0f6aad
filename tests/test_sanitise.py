"""Whatever a student writes, every sink shows it and none obeys it."""

from __future__ import annotations

import re
import unicodedata
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from grader import sanitise
from grader.sanitise import csv_cell, line, markdown_block, markdown_line, plain

ANY = st.text(alphabet=st.characters())  # every code point, lone surrogates included
# fmt: off
PIECES = st.sampled_from([
    "::", ":", "##[", "##", "#", "[", "\r", "\r\n", "\n", "\t", " ", "\x1b[2J", "\x9b", "\u200b", "\u202e",
    "set-output name=x", "::stop-commands::t", "##vso[", "```", "`````", "~~~", "@team", "|", "<b>", "\ufeff",
    "=1+1", "+", "-", "＝", "![x](http://a.b/c)", "www.a.b", "]]>", "&#64;", "\ud800", "\x00", "\uffff",
    "采样", "</details>", "x" * 3000, ";", "\u0301", "\u0336" * 9, "\u20e0",
])
# fmt: on
NASTY = st.lists(PIECES | ANY, max_size=12).map("".join)
ESCAPE = r"\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\U[0-9a-f]{8}"
CODE_POINTS = [chr(code) for code in (*range(0x10000), *range(0x1F000, 0x20000), *range(0xE0000, 0xE1000))]


def is_shown(char: str) -> bool:
    return char in "\n\t" or char.isprintable() or unicodedata.category(char) == "Zs"


def commands(text: str) -> list[str]:
    """Find what GitHub's runner would obey: `::name` at the start of a trimmed line, `##[` anywhere."""
    parts = re.split(r"[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", text)
    return [part for part in parts if part.strip().startswith("::") or re.search(r"##\w*\[", part)]


@given(NASTY)
def test_plain_shows_everything_and_orders_nothing(text):
    shown = plain(text)
    assert all(map(is_shown, shown))
    assert commands(shown) == []
    assert "::" not in shown  # wherever a viewer wraps the line
    assert all(len(part) <= sanitise.LINE for part in shown.split("\n"))


@given(NASTY, st.integers(40, 400))
def test_plain_keeps_its_limit_and_is_idempotent(text, limit):
    shown = plain(text, limit)
    assert len(shown) <= limit
    assert plain(shown, limit) == shown


@given(NASTY, st.integers(5, 120))
def test_line_is_one_line_within_its_limit_and_idempotent(text, limit):
    shown = line(text, limit)
    assert "\n" not in shown
    assert "\t" not in shown
    assert len(shown) <= limit
    assert line(shown, limit) == shown


@given(NASTY, st.integers(5, 120))
def test_csv_cell_is_never_a_formula_and_is_idempotent(text, limit):
    cell = csv_cell(text, limit)
    for part in (cell, *cell.split(";")):  # which separates cells, too, in half of Europe
        assert not part.lstrip().startswith(tuple("=+-@\t\r＝＋－＠"))
    assert len(cell) <= limit
    assert csv_cell(cell, limit) == cell


@given(st.binary(max_size=200))
def test_any_bytes_are_shown(data):
    assert all(map(is_shown, plain(data)))


@given(NASTY)
def test_xml_round_trips_what_is_shown(text):
    element = ET.Element("failure", message=plain(text))
    element.text = plain(text)
    parsed = ET.fromstring(ET.tostring(element, encoding="utf-8"))
    assert (parsed.get("message"), parsed.text or "") == (plain(text), plain(text))


@given(NASTY)
def test_nothing_closes_a_markdown_block(text):
    tokens = MarkdownIt("commonmark").parse(f"before\n\n{markdown_block(text)}\n\nafter")
    fences = [token for token in tokens if token.type == "fence"]
    assert [token.type for token in tokens[3:-3]] == ["fence"]
    assert fences[0].content == re.sub(r"@(?=\w)", "@ ", plain(text)) + "\n"


@given(NASTY)
def test_a_markdown_line_is_text_in_one_table_cell(text):
    table = f"| a | b |\n|---|---|\n| {markdown_line(text)} | end |\n"
    tokens = MarkdownIt("commonmark").enable("table").parse(table)
    cells = [token for token in tokens if token.type == "inline"]
    assert len(cells) == 4
    assert {child.type for child in cells[2].children} <= {"text", "text_special"}
    shown = "".join(child.content for child in cells[2].children)
    assert shown == re.sub(r"@(?=\w)", "@ ", line(text)).strip()


def test_every_code_point_is_shown_or_spelled_out():
    for char in CODE_POINTS:
        shown = plain(char)
        assert re.fullmatch(ESCAPE, shown) or (shown == char and is_shown(char)), hex(ord(char))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("ok\rFAILED", r"ok\x0dFAILED"),
        ("one\r\ntwo", "one\ntwo"),
        ("\x9b31m", r"\x9b31m"),
        ("abc\u202edef", r"abc\u202edef"),
        ("pass\u200bword", r"pass\u200bword"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("blank\u3164\u2800\ufe0f", r"blank\u3164\u2800\ufe0f"),
        ("\ud800", r"\ud800"),
        ("\ufffe", r"\ufffe"),
        ("x[::2]", "x[: :2]"),
        ("  ::Set-Output name=a::b", "  : :Set-Output name=a: :b"),
        (":::", ": : :"),
        ("##[error]no", "## [error]no"),
        ("###[", "### ["),
        ("采样 résumé 😀", "采样 résumé 😀"),
        ("\tindented\n", "\tindented\n"),
        ("re\u0301sume\u0323\u0302", "re\u0301sume\u0323\u0302"),
        ("z" + "\u0336" * 6, "z" + "\u0336" * 4 + r"\u0336\u0336"),
        ("\u0336a \u20e0\n\u0301", r"\u0336a \u20e0" + "\n" + r"\u0301"),
    ],
)
def test_plain_examples(text, shown):
    assert plain(text) == shown


def test_invalid_utf8_is_spelled_out():
    assert plain(b"a\xff\xc3") == r"a\xff\xc3"


def test_a_cut_says_how_much_is_missing():
    assert plain("a" * 5000).endswith("… 3040 more characters cut")
    many = "\n".join(["row"] * 10_000)
    shown = plain(many)
    assert shown.split("\n")[-1] == f"… {len(many) - 19_960} more characters cut"
    assert len(plain("b\n" * 10_000_000)) <= sanitise.BLOCK


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-rf", "@SUM(1)", "\t=1", " =1", "＝1"])
def test_formulas_get_a_quote(text):
    assert csv_cell(text).startswith("'")


def test_mentions_are_broken():
    assert "@ org/team" in markdown_block("ping @org/team")
    assert "@ org/team" in markdown_line("ping @org/team")


def test_links_and_html_are_text():
    assert markdown_line("<img src=x> https://a.b WWW.c.d") == r"&lt;img src=x&gt; https\://a.b WWW\.c.d"
