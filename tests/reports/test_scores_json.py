"""scores.json is what docs/scores.schema.json says."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from grader.reports.scores_json import decode, json_schema, scores_json
from grader.reports.view import Gradebook

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "scores.schema.json").read_text(encoding="utf-8"))
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "number": (int, float),
    "null": type(None),
}


def problems(value, schema, where="$"):
    """Validate by the part of JSON Schema that the file uses; refuse to guess at anything else."""
    known = {"$schema", "$defs", "$ref", "title", "description", "type", "properties", "required", "items"}
    known |= {"additionalProperties", "enum", "minimum", "maximum", "maxLength", "anyOf", "default"}
    assert schema.keys() <= known, schema.keys() - known
    if "$ref" in schema:
        yield from problems(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], where)
    if "anyOf" in schema and all(list(problems(value, option)) for option in schema["anyOf"]):
        yield f"{where}: fits no alternative"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is not one of {schema['enum']}"
    if "minimum" in schema and value < schema["minimum"]:
        yield f"{where}: below {schema['minimum']}"
    if "maximum" in schema and value > schema["maximum"]:
        yield f"{where}: above {schema['maximum']}"
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        yield f"{where}: longer than {schema['maxLength']}"
    if "type" in schema and not isinstance(value, TYPES[schema["type"]]):
        yield f"{where}: not of type {schema['type']}"
    if isinstance(value, dict):
        yield from object_problems(value, schema, where)
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from problems(item, schema["items"], f"{where}[{index}]")


def object_problems(value, schema, where):
    yield from (f"{where}: lacks {name}" for name in schema.get("required", []) if name not in value)
    other = schema.get("additionalProperties", True)
    for name, item in value.items():
        part = schema.get("properties", {}).get(name, other)
        if part is False:
            yield f"{where}: unknown {name}"
        elif part is not True:
            yield from problems(item, part, f"{where}.{name}")


def test_the_published_schema_is_that_of_the_code():
    assert json_schema() == SCHEMA


def test_the_document_fits_the_schema(book):
    assert list(problems(json.loads(scores_json(book)), SCHEMA)) == []
    decode(scores_json(book))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(schema=2),
        lambda d: d.update(extra=1),
        lambda d: d.pop("created"),
        lambda d: d["submissions"][0]["total"].update(points="8"),
        lambda d: d["submissions"][0]["jobs"][0].update(state="lost"),
        lambda d: d["submissions"][0]["jobs"][0]["tests"][0].update(seconds=-1),
        lambda d: d["submissions"][0]["jobs"][0]["tests"][0].update(reason="bored"),
    ],
)
def test_the_schema_and_the_reader_refuse_the_same(book, change):
    document = json.loads(scores_json(book))
    change(document)
    assert list(problems(document, SCHEMA))
    with pytest.raises(msgspec.ValidationError):
        decode(json.dumps(document).encode())


def test_the_document_depends_on_the_results_alone(book):
    again = Gradebook(tuple(reversed(book.rows)), book.course, book.created, book.versions, book.exercises)
    assert scores_json(again) == scores_json(book)


def test_the_document_is_strict_json_without_secrets(book):
    document = scores_json(book).decode("utf-8")
    json.loads(document, parse_constant=pytest.fail, object_pairs_hook=no_duplicates)
    assert "987654321" not in document
    assert "0.123454321" not in document
    assert "judge.py" not in document
    assert "hidden output" not in document


def no_duplicates(pairs):
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_what_a_reader_looks_for(book):
    document = json.loads(scores_json(book))
    alice = next(s for s in document["submissions"] if s["name"] == "alice")
    assert alice["total"] == {"points": 98.166667, "maximum": 99.5, "bonus": 5.0, "ungradable": 10.0}
    assert alice["jobs"][0]["tests"][0]["output"] == "hello"
    mallory = next(s for s in document["submissions"] if s["name"] == "mallory")
    killed = mallory["jobs"][0]["tests"][1]
    assert (killed["outcome"], killed["reason"], killed["output"]) == ("killed", "wall", "")
