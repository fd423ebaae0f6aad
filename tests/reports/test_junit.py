"""The XML is what Jenkins and everybody else can read, whatever the student wrote."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from lxml import etree

from grader.job import NO_TEXT, JobResult, State, Status, TestResult, TestSpec
from grader.reports.junit import junit
from grader.reports.view import Gradebook, make_row

SCHEMA = etree.XMLSchema(file=Path(__file__).with_name("junit-10.xsd"))
STRICT = etree.XMLParser(resolve_entities=False, no_network=True, recover=False)


def parse(book, submission, lang="en"):
    return etree.fromstring(junit(book, submission, lang), STRICT)


def properties(suite):
    return {p.get("name"): p.get("value") for p in suite.iterfind("properties/property")}


def verdicts(suite):
    """Return tag and type of each case's verdict, None where it passed."""
    return {
        case.get("name"): next(((e.tag, e.get("type")) for e in case if e.tag != "system-out"), None)
        for case in suite.iterfind("testcase")
    }


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_file_is_valid(book, lang):
    for name in book.submissions:
        document = parse(book, name, lang)
        assert SCHEMA.validate(document), SCHEMA.error_log


def test_the_schema_refuses_what_jenkins_refuses(book):
    document = parse(book, "alice")
    document.find(".//testcase").append(etree.Element("properties"))
    assert not SCHEMA.validate(document)
    document = parse(book, "alice")
    document.set("skipped", "0")
    assert not SCHEMA.validate(document)
    document = parse(book, "alice")
    document.find("testsuite").set("time", "1e-05")
    assert not SCHEMA.validate(document)


WITHOUT_LXML = """
import sys
sys.modules["lxml"] = None  # as installed without the development extras
from conftest import make_book
from grader.reports.junit import junit
sys.stdout.buffer.write(junit(make_book(), "mallory", "zh"))
"""


def test_the_file_is_the_same_without_lxml(book):
    command = [sys.executable, "-c", WITHOUT_LXML]
    plain = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, check=True).stdout
    assert ET.canonicalize(plain.decode()) == ET.canonicalize(junit(book, "mallory", "zh").decode())


def test_suites_and_cases_follow_the_course(book):
    document = parse(book, "alice")
    assert [suite.get("name") for suite in document] == ["sampling", "llamascratch"]
    cases = document.findall("testsuite[1]/testcase")
    assert [case.get("name") for case in cases] == [
        "test_top_k",
        "test_top_p",
        "test_pseudocode",
        "test_min_p",
    ]
    assert {case.get("classname") for case in cases} == {"sampling"}


def test_points_stand_on_the_suite(book):
    found = properties(parse(book, "alice")[0])
    assert found["points"] == "8.166667"
    assert found["max_points"] == "9.5"
    assert found["bonus_points"] == "5"
    assert found["points.test_pseudocode"] == "0.666667"
    assert found["max_points.test_pseudocode"] == "2"
    assert found["bonus_points.test_min_p"] == found["max_bonus_points.test_min_p"] == "5"
    assert (found["wall"], found["device"], found["memory_limit"]) == ("A", "cpu", "cgroup")


def test_points_of_cases_add_up_to_their_suite(book):
    for name in book.submissions:
        for suite in parse(book, name):
            found = {key: float(value) for key, value in properties(suite).items() if "points" in key}
            for total in ("points", "max_points", "bonus_points"):
                parts = [value for key, value in found.items() if key.startswith(f"{total}.")]
                assert sum(parts) == pytest.approx(found[total], abs=1e-6)


def test_how_tests_ended(book):
    sampling, llama = parse(book, "mallory")
    assert verdicts(sampling) == {
        "test_top_k": ("error", "error"),
        "test_top_p": ("error", "killed (wall)"),
        "test_pseudocode": ("error", "violation"),
        "test_min_p": ("failure", "failed"),
    }
    assert verdicts(llama) == {
        "test_logits": ("failure", "failed"),
        "test_cache": ("skipped", "skipped"),
        "test_cuda": ("failure", "not run"),
        "test_fast": ("failure", "not run"),
    }
    assert verdicts(parse(book, "alice")[1])["test_cuda"] == ("skipped", "ungradable")


def test_a_missing_job_fails_every_case(book):
    suite = parse(book, "carol")[0]
    assert set(verdicts(suite).values()) == {("failure", "missing")}
    assert suite.get("failures") == suite.get("tests") == "4"


def test_an_ungraded_job_blames_nobody(book):
    (suite,) = parse(book, "dave")
    assert set(verdicts(suite).values()) == {("skipped", "ungraded")}
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("0", "0", "4")
    assert suite.find("testcase/skipped").get("message").startswith("ungraded: ")
    assert "judge.py" not in etree.tostring(suite, encoding="unicode")


def test_counts_of_the_document_are_those_of_its_suites(book):
    document = parse(book, "mallory")
    for count in ("tests", "failures", "errors"):
        assert int(document.get(count)) == sum(int(suite.get(count)) for suite in document)


def test_messages_and_hints_in_the_language_asked_for(book):
    english = parse(book, "mallory", "en").find("testsuite[2]/testcase/failure")
    chinese = parse(book, "mallory", "zh").find("testsuite[2]/testcase/failure")
    assert english.get("message") == "off by 0.4"
    assert "hint: mind ε" in english.text
    assert chinese.get("message") == "偏差 0.4"
    assert "提示: 注意 ε" in chinese.text


def test_the_notice_stands_on_the_first_failing_case_only(book):
    texts = [result.text for result in parse(book, "mallory").iterfind("testsuite[2]/testcase/*")]
    assert ["link" in text for text in texts] == [True, False, False, False]


def test_output_of_public_tests_only(book):
    outputs = {
        case.get("name"): case.findtext("system-out") for case in parse(book, "alice")[0].iterfind("testcase")
    }
    assert outputs == {
        "test_top_k": "hello",
        "test_top_p": None,
        "test_pseudocode": "2 of 3 sections",
        "test_min_p": None,
    }
    assert b"hidden output" not in junit(book, "mallory", "en")


def test_a_suite_of_a_thousand_short_cases_has_a_plain_time():
    specs = [TestSpec(f"t{index}", 0.1, NO_TEXT) for index in range(1000)]
    ends = tuple(TestResult(spec.name, Status.PASSED, 1.0, seconds=0.00001) for spec in specs)
    row = make_row(JobResult("e", "a", "cpu", State.GRADED, ends), specs, NO_TEXT)
    document = parse(Gradebook((row,)), "a")
    assert SCHEMA.validate(document), SCHEMA.error_log
    assert properties(document[0])["points"] == "100"
