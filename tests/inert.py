"""Assert that a report is text and nothing else, in a terminal, a log, a browser and a spreadsheet."""

import csv
import io
import json
import re
import unicodedata
from pathlib import Path

from lxml import etree
from markdown_it import MarkdownIt

SCHEMA = etree.XMLSchema(file=Path(__file__).parent / "reports" / "junit-10.xsd")
STRICT = etree.XMLParser(resolve_entities=False, no_network=True, recover=False)
FORMULA = tuple("=+-@\t\r＝＋－＠")
LIVE = {"html_block", "html_inline", "link_open", "image"}


def check_text(text):
    """No character that moves, hides, recolours or reorders anything, and no order to a CI runner."""
    odd = {c for c in text if not (c.isprintable() or c in "\n\t" or unicodedata.category(c) == "Zs")}
    assert odd == set()
    assert [text[found.start() - 40 : found.end() + 40] for found in re.finditer(r"::|##\w*\[", text)] == []


def check_markdown(text):
    """Nothing but text, tables and fences."""
    check_text(text)
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    tokens += [child for token in tokens for child in token.children or ()]
    assert {token.type for token in tokens} & LIVE == set()
    assert [
        token.content
        for token in tokens
        if re.search(r"https?://|www\.", token.content) and token.type == "text"
    ] == []


def check_csv(content):
    """No cell is a formula, whichever character separates cells in this part of the world."""
    text = content.decode("utf-8-sig")
    check_text(text.replace("\r\n", "\n"))
    for separator in ",;":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            assert [cell for cell in row if cell.strip().startswith(FORMULA)] == []


def check_json(content):
    """No key twice, no number that is none."""
    check_text(content.decode())

    def once(pairs):
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    def refuse(constant):
        raise AssertionError(constant)

    json.loads(content, object_pairs_hook=once, parse_constant=refuse)


def check_junit(content):
    """Valid, without an entity to expand."""
    check_text(content.decode())
    document = etree.fromstring(content, STRICT)
    assert SCHEMA.validate(document), SCHEMA.error_log
    assert document.getroottree().docinfo.doctype == ""
    for suite in document:
        names = [case.get("name") for case in suite.iterfind("testcase")]
        assert len(names) == len(set(names)) == int(suite.get("tests"))


def check_reports(folder, submissions):
    """Check all files that a run writes."""
    check_markdown((folder / "summary.md").read_text())
    check_csv((folder / "scores.csv").read_bytes())
    check_json((folder / "scores.json").read_bytes())
    files = list((folder / "junit").iterdir())
    assert len(files) == submissions
    for file in files:
        check_text(file.name)
        check_junit(file.read_bytes())
