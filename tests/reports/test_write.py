"""Report files appear whole, agree with each other, and a full disk is one clear line."""

from __future__ import annotations

import csv
import io
import json
import re
import resource
import signal
from contextlib import contextmanager

import pytest
from lxml import etree

from grader.errors import UngradedError
from grader.reports.made import RECORD
from grader.reports.terminal import make_console, score_table
from grader.reports.write import file_stem, write_all, write_file


@contextmanager
def small_disk(size):
    """Have the system refuse files beyond `size` bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)


def files(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_all_files_are_written_and_nothing_else(book, tmp_path):
    paths = write_all(book, tmp_path / "out", "en")
    written = sorted(str(path.relative_to(tmp_path / "out")) for path in paths)
    assert [name for name in files(tmp_path / "out") if name != RECORD] == written
    assert {"junit/alice.xml", "scores.json", "scores.csv", "summary.md"} <= set(files(tmp_path / "out"))
    assert len(paths) == len(book.submissions) + 3


def test_writing_again_gives_the_same_bytes(book, tmp_path):
    first = {path: path.read_bytes() for path in write_all(book, tmp_path)}
    second = {path: path.read_bytes() for path in write_all(book, tmp_path)}
    assert first == second


def junit_totals(directory, name):
    root = etree.parse(directory / "junit" / f"{file_stem(name)}.xml")
    found = [
        (p.get("name"), float(p.get("value")))
        for p in root.iterfind(".//property")
        if "points" in p.get("name")
    ]
    return [
        sum(value for key, value in found if key.partition(".")[0] == total and "." in key)
        for total in ("points", "max_points", "bonus_points")
    ]


def json_totals(directory, name):
    document = json.loads((directory / "scores.json").read_bytes())
    jobs = next(s for s in document["submissions"] if s["name"] == name)["jobs"]
    tests = [test["score"] for job in jobs for test in job["tests"]]
    return [sum(test[total] for test in tests) for total in ("points", "maximum", "bonus")]


def csv_totals(directory, name):
    rows = csv.DictReader(
        io.StringIO((directory / "scores.csv").read_bytes().decode("utf-8-sig"), newline="")
    )
    row = next(row for row in rows if row["submission"].lstrip("'") == name)
    return [
        sum(float(row[f"{e} {c}"] or 0) for e in ("sampling", "llamascratch"))
        for c in ("points", "max", "bonus")
    ]


def table_totals(text, name):
    """Read the last cell of a submission's row: `87/100 +5`."""
    row = next(row for row in text.splitlines() if re.match(rf"[|│] {name}\W", row))
    points, maximum, bonus = re.search(r"([\d.]+)/([\d.]+)(?: \+([\d.]+))?[^|│/]*[|│]\s*$", row).groups("0")
    return [float(points), float(maximum), float(bonus)]


@pytest.mark.parametrize("name", ["alice", "mallory", "carol", "dave"])
def test_totals_agree_in_all_reports(book, tmp_path, name):
    write_all(book, tmp_path, "en")
    total = book.total(name)
    wanted = [total.points, total.maximum, total.bonus]
    assert junit_totals(tmp_path, name) == pytest.approx(wanted, abs=1e-6)
    assert json_totals(tmp_path, name) == pytest.approx(wanted, abs=1e-6)
    assert csv_totals(tmp_path, name) == pytest.approx(wanted, abs=1e-6)
    assert table_totals((tmp_path / "summary.md").read_text(encoding="utf-8"), name) == pytest.approx(
        wanted, abs=0.005
    )
    stream = io.StringIO()
    make_console(stream).print(score_table(book, "en"))
    assert table_totals(stream.getvalue(), name) == pytest.approx(wanted, abs=0.005)


def test_a_full_disk_is_one_line_and_loses_nothing(book, tmp_path):
    write_all(book, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with (
        small_disk(1000),
        pytest.raises(UngradedError, match=r"cannot write .*; the results are kept") as caught,
    ):
        write_all(book, tmp_path, "zh")
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_place_that_is_no_folder(book, tmp_path):
    (tmp_path / "reports").write_text("")
    with pytest.raises(UngradedError, match="choose another folder"):
        write_all(book, tmp_path / "reports")


def test_a_file_is_replaced_in_one_step(tmp_path):
    path = tmp_path / "scores.json"
    write_file(path, [b"old"])
    with path.open("rb") as reader:  # whoever reads the old file goes on reading all of it
        write_file(path, [b"new ", b"and longer"])
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new and longer"


@pytest.mark.parametrize("name", ["alice", "example-perfect", "学生_1", "a.b+c@d"])
def test_ordinary_names_name_their_files(name):
    assert file_stem(name) == name


def test_odd_names_stay_inside_and_apart(book, nasty_name):
    odd = [
        "../../etc/passwd",
        "..",
        ".hidden",
        "-rf",
        "a/b",
        "a\\b",
        "a:b",
        "a\nb",
        "",
        "x" * 500,
        "学" * 100,
        nasty_name,
    ]
    stems = [file_stem(name) for name in odd]
    assert all(re.fullmatch(r"[\w@+-]{1,60}", stem) and len(stem.encode()) < 200 for stem in stems)
    assert len(set(stems)) == len(odd)
