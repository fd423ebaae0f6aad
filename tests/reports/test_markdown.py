"""The step summary shows what a student wrote as text, and stays below GitHub's limit."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from grader.reports.markdown import class_table, markdown, submission_detail

OURS = {
    *(
        "heading_open",
        "heading_close",
        "paragraph_open",
        "paragraph_close",
        "inline",
        "fence",
        "blockquote_open",
    ),
    *(
        "blockquote_close",
        "table_open",
        "table_close",
        "thead_open",
        "thead_close",
        "tbody_open",
        "tbody_close",
    ),
    *("tr_open", "tr_close", "th_open", "th_close", "td_open", "td_close"),
}
INLINE = {"text", "text_special", "softbreak", "strong_open", "strong_close"}


def tokens(text):
    return MarkdownIt("commonmark").enable("table").parse(text)


def table_cells(text):
    """Return the rows of the first table as plain strings."""
    parsed = tokens(text)
    rows, current = [], []
    for token in parsed[: next(i for i, t in enumerate(parsed) if t.type == "table_close")]:
        if token.type == "tr_open":
            rows.append(current := [])
        elif token.type == "inline":
            current.append("".join(child.content for child in token.children))
    return rows


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_no_markup_of_a_student_survives(book, lang):
    for token in tokens(markdown(book, lang)):
        assert token.type in OURS
        assert {child.type for child in token.children or ()} <= INLINE


def test_the_class_table(book, nasty_name):
    rows = table_cells(class_table(book, "en"))
    assert rows[0] == ["submission", "Sampling", "Llama from scratch", "total"]
    by_name = {row[0]: row[1:] for row in rows[1:]}
    assert by_name["alice"] == [
        "8.17/9.5 +5",
        "90/90 (10 not gradable here)",
        "98.17/99.5 +5 (10 not gradable here)",
    ]
    assert by_name["carol"] == ["0/9.5 (missing)", "0/100 (missing)", "0/109.5"]
    assert by_name["dave"] == ["ungraded", "", "0/0 (9.5 not gradable here)"]
    assert nasty_name.replace("@x", "@ x") in by_name


def test_the_detail_explains_each_test(book):
    detail = submission_detail(book, "mallory", "en")
    assert "| L1 · logits | failed | 0/60 |" in detail
    assert "off by 0.4\nhint: mind ε\n" in detail
    assert "| S2 · top-p \\| nucleus | killed (too slow) | 0/3.5 |" in detail
    assert "2 of 3 sections" in submission_detail(book, "alice", "en")
    assert "提示: 注意 ε" in submission_detail(book, "mallory", "zh")


def test_the_real_checkpoint_is_named(book):
    headings = [line for line in submission_detail(book, "alice", "en").splitlines() if line[:4] == "### "]
    assert [line.endswith("(commit 0123456789abcdef · TinyLlama (0123abcd))") for line in headings] == [0, 1]


def test_a_notice_is_shown_once_per_exercise(book):
    assert submission_detail(book, "carol", "en").count("There is no folder for this exercise.") == 2
    assert "judge.py" not in submission_detail(book, "dave", "en")


def test_hidden_output_stays_hidden(book):
    assert "hidden output" not in markdown(book, "en")
    assert "hello" in markdown(book, "en")


def test_what_does_not_fit_is_left_out_and_counted(book):
    whole = markdown(book, "zh")
    table = class_table(book, "zh")
    limit = len(table.encode()) + len(submission_detail(book, book.submissions[0], "zh").encode()) + 10
    short = markdown(book, "zh", limit)
    assert len(short.encode()) < limit + 200
    assert short.startswith(table)
    assert f": {len(book.submissions) - 1}_" in short
    assert len(whole.encode()) < 1_000_000
