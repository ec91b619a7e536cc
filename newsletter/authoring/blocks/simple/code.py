"""code: a text shown exactly as it was written. The file beside this has the names of languages."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from newsletter.authoring.block import Assembly, Block, BlockEntry, TextWriter
from newsletter.authoring.fields.values import Aside, Name, Role, no_direction_control, refused
from newsletter.columns import indented, wrap

_TAB = 4
"""Columns."""


def _shown(value: str) -> str:
    """Without the empty lines around it, and with spaces for tabs, whose width email programs choose as they like."""
    no_direction_control(value)
    text = "\n".join(line.expandtabs(_TAB).rstrip() for line in value.split("\n")).strip("\n")
    if not text:
        raise refused("empty-value", "nothing is written here")
    return text


Verbatim = Annotated[
    str,
    StringConstraints(strip_whitespace=False, min_length=1, max_length=20_000),
    AfterValidator(_shown),
    Role.LITERAL,
]


class CodeEntry(BlockEntry):
    """A text shown exactly as it is written, such as a program."""

    code: Verbatim
    """The text; begin it with `|`, so that its lines stay. Markdown and merge fields are not read in it."""
    language: Name | None = None
    """What it is written in: Python, SQL. A short name such as py or js is written out for readers."""
    caption: Aside | None = None
    """Shown below it; inline Markdown."""

    def to_block(self, assembly: Assembly) -> Block:
        language = self.language or ""
        return CodeBlock(self.code, _names().get(language.lower(), language), self.caption or "")


@cache
def _names() -> Mapping[str, str]:
    """What is written for a language, in small letters → what readers see."""
    table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {word: name for name, words in table.items() for word in words}


@dataclass(frozen=True, slots=True)
class CodeBlock(Block):
    code: Verbatim
    language: Name = ""
    caption: Aside = ""

    def to_text(self, writer: TextWriter) -> str:
        about = " · ".join(filter(None, (writer.isolated(self.language), writer.inline(self.caption))))
        return writer.section(indented(self.code, "    "), wrap(about) if about else "")
