"""scores.csv opens in a spreadsheet, with Chinese names, and runs nothing there."""

from __future__ import annotations

import csv
import io

from grader.reports.scores_csv import scores_csv


def read(book):
    return list(csv.DictReader(io.StringIO(scores_csv(book).decode("utf-8-sig"), newline="")))


def test_one_row_per_submission(book):
    assert [row["submission"].lstrip("'") for row in read(book)] == list(book.submissions)


def test_columns(book):
    assert list(read(book)[0]) == [
        "submission", "status", "sampling points", "sampling max", "sampling bonus",
        "llamascratch points", "llamascratch max", "llamascratch bonus",
        "total points", "total max", "total bonus", "total ungradable",
    ]  # fmt: skip


def test_numbers_and_status(book):
    rows = {row["submission"]: row for row in read(book)}
    assert (rows["alice"]["total points"], rows["alice"]["total max"], rows["alice"]["total bonus"]) == (
        "98.166667",
        "99.5",
        "5",
    )
    assert rows["alice"]["status"] == "incomplete: llamascratch"
    assert rows["carol"]["status"] == "missing: sampling llamascratch"
    assert rows["mallory"]["status"] == "graded"
    assert rows["dave"]["status"] == "ungraded: sampling"
    assert rows["dave"]["llamascratch points"] == ""


def test_no_cell_is_a_formula(book, nasty_name):
    for row in csv.reader(io.StringIO(scores_csv(book).decode("utf-8-sig"), newline="")):
        assert not any(cell.startswith(tuple("=+-@\t\r")) for cell in row)
    assert nasty_name.startswith("=cmd")
    assert f"'{nasty_name}" in {row["submission"] for row in read(book)}


def test_excel_is_told_that_it_is_utf8(book):
    assert scores_csv(book).startswith(b"\xef\xbb\xbf")
    assert "学生".encode() in scores_csv(book)
