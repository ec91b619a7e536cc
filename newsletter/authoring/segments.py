"""Segments: the file segments.yaml, in which a project names parts of its audience. Read by `load_segments`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Discriminator, Field, RootModel, Tag

from newsletter.authoring.fields.explain import read_model
from newsletter.authoring.fields.values import Id, Plain, Role, Strict
from newsletter.authoring.files import read_yaml
from newsletter.problem import Problem
from newsletter.source import Node

FILE = "segments.yaml"

Expression = Annotated[str, Field(min_length=1, max_length=1000), Role.CODE]
"""Whom a segment holds: `country == "DE" and "vip" in tags`. What it may name is known where the database is."""


class SegmentEntry(Strict):
    """One part of the audience."""

    where: Expression
    """Whom it holds: country in ["DE", "AT"] and "weekly" in lists."""
    description: Plain = ""
    """What it is for, in plain words."""


_Entry = Annotated[
    Annotated[Expression, Tag(":text")] | Annotated[SegmentEntry, Tag(":segment")],
    Discriminator(lambda value: ":segment" if isinstance(value, dict) else ":text"),
]


class SegmentsFile(RootModel[Annotated[dict[Id, _Entry], Field(max_length=500)]]):
    """Parts of the audience by name: an expression, or where and description."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)


def load_segments(file: Path, *, root: Path) -> tuple[Mapping[str, tuple[SegmentEntry, Node]], tuple[Problem, ...]]:
    """Name → entry and the node of its expression; and what is wrong with the file. None where it is missing."""
    try:
        node, problems = read_yaml(file, root)
    except FileNotFoundError:
        return {}, ()
    if node is None:
        return {}, problems
    model, refused = read_model(SegmentsFile, node)
    if model is None:
        return {}, problems + refused
    found = {}
    for name, entry in model.root.items():
        written = node.mapping[name]
        whole = SegmentEntry(where=entry) if isinstance(entry, str) else entry
        found[name] = whole, written.mapping.get("where", written)
    return found, problems
