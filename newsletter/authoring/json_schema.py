"""JSON Schemas (draft-07) of the YAML, for editors. `python -m newsletter.authoring.json_schema DIR`.

Draft-07 because the language server behind most editors knows later drafts only in part; a translation has the shape
of an issue in which nothing is required.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from newsletter.authoring.block import BlockEntry
from newsletter.authoring.contributors import ContributorsFile
from newsletter.authoring.persona import PersonasFile
from newsletter.authoring.project_blocks.type_file import TypeFile
from newsletter.authoring.schema import DefaultsFile, issue_file
from newsletter.authoring.segments import SegmentsFile
from newsletter.authoring.series import SeriesFile
from newsletter.disk import write_whole

DRAFT = "http://json-schema.org/draft-07/schema#"


def schemas(types: Mapping[str, type[BlockEntry]] | None = None) -> dict[str, dict[str, Any]]:
    """File name → schema, for all files that authors write; `types` are the block types of the project."""
    model = issue_file(types or {})
    return {
        "issue.schema.json": _supplied(_schema(model, "Issue")),
        "translation.schema.json": _translation(_schema(model, "Translation of an issue")),
        "defaults.schema.json": _schema(DefaultsFile, "Defaults of all issues"),
        "people.schema.json": _schema(ContributorsFile, "People"),
        "personas.schema.json": _schema(PersonasFile, "Personas"),
        "segments.schema.json": _schema(SegmentsFile, "Segments"),
        "series.schema.json": _schema(SeriesFile, "Series"),
        "block-type.schema.json": _schema(TypeFile, "Block type"),
    }


def written(schema: Mapping[str, Any]) -> str:
    """A schema as its file holds it."""
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def write_schemas(folder: Path, types: Mapping[str, type[BlockEntry]] | None = None) -> list[Path]:
    """Write every schema into a folder; the files, in order of their names."""
    made = {folder / name: written(schema).encode() for name, schema in sorted(schemas(types).items())}
    for file, data in made.items():
        write_whole(file, data)
    return [*made]


def _schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    made = _plain(model.model_json_schema(ref_template="#/definitions/{model}"))
    definitions = made.pop("$defs", {})
    return {"$schema": DRAFT, "title": title, **made, "definitions": definitions}


def _plain(value: Any, *, named: bool = False) -> Any:
    """Without the titles and nulls that pydantic adds; `named` mappings have keys of the file's own."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if not named and "anyOf" in value and value.get("default", "") is None:
        value = _not_null(value)
    return {
        key: _plain(item, named=not named and key in ("properties", "$defs"))
        for key, item in value.items()
        if named or key not in ("title", "default")
    }


def _not_null(value: Mapping[str, Any]) -> dict[str, Any]:
    """An optional value is absent, never null."""
    choices = [choice for choice in value["anyOf"] if choice != {"type": "null"}]
    rest = {key: item for key, item in value.items() if key not in ("anyOf", "default")}
    if len(choices) > 1:
        return {"anyOf": choices, **rest}
    return {**choices[0], **rest} if "$ref" not in choices[0] else {"allOf": choices, **rest}


def _supplied(schema: dict[str, Any]) -> dict[str, Any]:
    """The same without requiring what defaults.yaml may have, whole or, as in `send`, in part."""
    required = [key for key in schema["required"] if key not in DefaultsFile.model_fields]
    send = {key: value for key, value in schema["definitions"]["SendEntry"].items() if key != "required"}
    return {**schema, "required": required, "definitions": {**schema["definitions"], "SendEntry": send}}


def _translation(schema: dict[str, Any]) -> dict[str, Any]:
    """The same shape with nothing required: a translation has only what differs."""

    def relax(value: Any) -> Any:
        if isinstance(value, list):
            return [relax(item) for item in value]
        if not isinstance(value, dict):
            return value
        names = {"oneOf": "anyOf"}
        return {names.get(key, key): relax(item) for key, item in value.items() if key != "required"}

    relaxed: dict[str, Any] = relax(schema)
    return relaxed


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1] if len(sys.argv) > 1 else "schema"))
