from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from writing import CHINESE, ISSUE, PEOPLE, PERSONAS

from newsletter.authoring.json_schema import DRAFT, schemas, write_schemas, written
from newsletter.source import parse_source

ROOT = Path(__file__).parents[3]
SCHEMAS = schemas()


def accepts(name: str, text: str) -> bool:
    root, problems = parse_source(text.encode(), name)
    assert problems == ()
    assert root is not None
    return bool(jsonschema.Draft7Validator(SCHEMAS[f"{name}.schema.json"]).is_valid(root.plain()))


@pytest.mark.parametrize("name", SCHEMAS)
def test_committed_schema_is_what_the_code_says(name: str) -> None:
    file = ROOT / "schema" / name
    if os.environ.get("BLESS") == "1":
        write_schemas(file.parent)
    assert file.read_text(encoding="utf-8") == written(SCHEMAS[name]), "run `make bless` and look at the diff"


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_a_draft_07_schema_with_all_its_references(name: str) -> None:
    schema = SCHEMAS[name]
    assert schema["$schema"] == DRAFT
    jsonschema.Draft7Validator.check_schema(schema)
    for reference in _values(schema, "$ref"):
        assert reference.startswith("#/definitions/")
        assert reference.rpartition("/")[2] in schema["definitions"]


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("issue", "*/issue.yaml"),
        ("translation", "*/issue.*.yaml"),
        ("people", "people.yaml"),
        ("personas", "personas.yaml"),
    ],
)
def test_editors_accept_the_issues_of_this_repository(name: str, pattern: str) -> None:
    files = sorted((ROOT / "issues").glob(pattern))
    assert files
    for file in files:
        assert accepts(name, file.read_text(encoding="utf-8")), file


@pytest.mark.parametrize(
    ("name", "text"), [("issue", ISSUE), ("translation", CHINESE), ("people", PEOPLE), ("personas", PERSONAS)]
)
def test_editors_accept_a_full_issue(name: str, text: str) -> None:
    assert accepts(name, text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("subtitle:", "subtitel:"), ("date: 2024-03-14\n", ""), ("title: \"A week of maps\"\nsub", "title: 7\nsub"),
        ("url: https://weekly.example.org/write", "url: javascript:alert(1)"), ("- quote:", "- quot:"),
        ("spacer: 24", "spacer: 240"), ("  - id: tides\n", "  - id: tides tides\n"),
        ("hero:\n", "hero:\n  captoin: x\n"),
        ("author: bo\n", "author: []\n"),
    ],
)  # fmt: skip
def test_editors_refuse_what_check_refuses(old: str, new: str) -> None:
    assert ISSUE.count(old) == 1
    assert not accepts("issue", ISSUE.replace(old, new))


def test_every_key_has_a_sentence_for_its_editor() -> None:
    for name, schema in SCHEMAS.items():
        for properties in _values(schema, "properties"):
            silent = [key for key, value in properties.items() if "description" not in value]
            assert silent == [], name


def _values(value: Any, key: str) -> list[Any]:
    """Everything that stands under a key, anywhere."""
    if isinstance(value, list):
        return [found for item in value for found in _values(item, key)]
    if not isinstance(value, dict):
        return []
    own = [value[key]] if key in value and not (key == "properties" and "description" in value[key]) else []
    return own + [found for item in value.values() for found in _values(item, key)]


def test_editors_leave_to_the_defaults_what_they_may_supply() -> None:
    own = "title: A\ndate: 2024-01-25\nblocks: [Words.]\nsend: {at: 2024-01-25 09:00}\n"
    assert accepts("issue", own)
    assert accepts("defaults", "language: en\nsend: {list: weekly}\nclosing: A\n")
    assert not accepts("defaults", "send: {timezone: UTC}\n")
    assert not accepts("defaults", "title: A\n")
