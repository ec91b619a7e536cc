"""type_file: the YAML of `<type>.schema.yaml`, which says what a block of a project's own type is made of."""

from __future__ import annotations

import re
from collections.abc import Collection
from keyword import iskeyword
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from newsletter.authoring.block import Block, BlockEntry
from newsletter.authoring.fields.values import Strict, refused

PLACEHOLDER = re.compile(r"\{(\w+)\}")
"""A field in a line of the text part."""

Kind = Literal["text", "inline", "plain", "url", "image", "number", "choice", "list"]
_OWN_KEYS = {
    "choice": {"of"},
    "list": {"of", "line"},
    "number": {"min", "max"},
    **{kind: {"translated"} for kind in ("text", "inline", "plain")},
}
"""Keys that only some kinds have."""


def is_free(name: str) -> bool:
    """Whether a field can have this name: not one of Python, nor one that every block has."""
    return not (iskeyword(name) or hasattr(BlockEntry, name) or hasattr(Block, name))


def _free(name: str) -> str:
    if not is_free(name):
        raise refused("bad-key", "this name is not free", f"Choose another one, such as its_{name}.")
    return name


_FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$"), AfterValidator(_free)]
_Sentence = Annotated[str, Field(min_length=1, max_length=300)]
_TextLines = Annotated[str, Field(min_length=1, max_length=2000)]


def _of_kind(value: object) -> str:
    return ":words" if isinstance(value, list) else ":fields" if isinstance(value, dict | FieldEntry) else ":kind"


_NEEDS = {
    "choice": ("a choice needs a list of words", "Write {kind: choice, of: [easy, hard]}."),
    "list": ("a list needs a kind or fields", "Write {kind: list, of: plain}, or of: {name: plain}."),
}
"""Kinds that are not complete by their names: what is missing, and what to do."""


def _complete(kind: str) -> str:
    if kind in _NEEDS:
        raise refused("missing-key", *_NEEDS[kind])
    return kind


class FieldEntry(Strict):
    """One field of a block type."""

    kind: Kind
    """text: paragraphs of Markdown; inline: a line of Markdown; plain: words; and url, image, number, choice, list."""
    about: _Sentence | None = None
    """One sentence for authors, which editors show beside the field."""
    required: bool = False
    """Whether every block must have it."""
    translated: bool = True
    """Whether a translation has words of its own. Of text, inline and plain."""
    of: (
        Annotated[
            Annotated[list[_Sentence], Field(min_length=1, max_length=100), Tag(":words")]
            | Annotated[dict[_FieldName, _Declared], Field(min_length=1, max_length=30), Tag(":fields")]
            | Annotated[Kind, Tag(":kind")],
            Discriminator(_of_kind),
        ]
        | None
    ) = None
    """Of a choice: the words to choose from. Of a list: the kind of its items, or their fields."""
    line: _TextLines | None = None
    """Of a list of fields: an item in the text part, as "{name}, {place}"."""
    min: int | float | None = None
    """Of a number: the smallest."""
    max: int | float | None = None
    """Of a number: the greatest."""

    @model_validator(mode="after")
    def _check(self) -> FieldEntry:
        for key in sorted(self.model_fields_set - {"kind", "about", "required"} - _OWN_KEYS.get(self.kind, set())):
            raise refused("misplaced-key", "a field of the kind {kind} has no '{key}'", kind=self.kind, key=key)
        if self.kind == "choice" and not isinstance(self.of, list):
            raise refused("missing-key", *_NEEDS["choice"])
        if self.kind == "list" and (self.of in (None, "list", "choice") or isinstance(self.of, list)):
            raise refused("missing-key", *_NEEDS["list"])
        check_lines(self.line, self.of if isinstance(self.of, dict) else {})
        return self


_Declared = Annotated[
    Annotated[Kind, AfterValidator(_complete), Tag(":kind")] | Annotated[FieldEntry, Tag(":fields")],
    Discriminator(_of_kind),
]
"""A field, or only its kind."""
FieldEntry.model_rebuild()


class TypeFile(Strict):
    """A block type of the project."""

    about: _Sentence | None = None
    """One sentence for authors, which editors show beside the type."""
    fields: Annotated[dict[_FieldName, _Declared], Field(min_length=1, max_length=30)]
    """Its keys, in the order of the text part. One has the name of the type."""
    text: _TextLines | None = None
    """The text part, as "{event} ({place})"; default: every field but numbers and choices."""

    @model_validator(mode="after")
    def _check(self) -> TypeFile:
        check_lines(self.text, self.fields)
        return self


def field_of(declared: FieldEntry | Kind) -> FieldEntry:
    """A field as it is written out."""
    return declared if isinstance(declared, FieldEntry) else FieldEntry(kind=declared)


def check_lines(lines: str | None, fields: Collection[str]) -> None:
    """Refuse a text part that names a field there is not."""
    for name in PLACEHOLDER.findall(lines or ""):
        if name not in fields:
            known = ", ".join(fields) or "none"
            raise refused(
                "unknown-key", "the text part names '{name}', which is no field", f"There are {known}.", name=name
            )
