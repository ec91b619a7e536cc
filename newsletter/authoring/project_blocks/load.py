"""load: the block types in a project's template folders, each made once for one text of its schema."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from pydantic import ConfigDict

from newsletter.authoring.block import Assembly, Block, BlockEntry
from newsletter.authoring.blocks import BLOCKS
from newsletter.authoring.fields.explain import read_model
from newsletter.authoring.files import names_in, read_file, shown, unreadable
from newsletter.authoring.project_blocks.make import entry_of
from newsletter.authoring.project_blocks.type_file import FieldEntry, TypeFile, is_free
from newsletter.problem import Place, Problem, has_errors
from newsletter.source import MAX_BYTES, parse_source

SCHEMA = ".schema.yaml"
_TEMPLATE = ".mjml.j2"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_Made = tuple[type[BlockEntry], tuple[Problem, ...]]


@dataclass(frozen=True, slots=True)
class BlockTypes:
    """The block types of a project by name, and what is wrong with their schemas."""

    entries: Mapping[str, type[BlockEntry]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


class _UnknownEntry(BlockEntry):
    """A block whose schema has mistakes: they are reported, and nothing about its keys."""

    model_config = ConfigDict(extra="allow")

    def to_block(self, assembly: Assembly) -> Block:
        """Never called: an issue with errors is not assembled."""
        raise NotImplementedError


def block_types(folders: Sequence[Path], root: Path) -> BlockTypes:
    """The types that the templates in `blocks/` of these folders make beside those that ship, the first folder first.

    A template without a schema makes a type whose blocks have one text. Templates with other names, such as
    `_row.mjml.j2`, are parts of others; a template with the name of a type that ships replaces only its look.
    """
    entries: dict[str, type[BlockEntry]] = {}
    problems: list[Problem] = []
    for folder in (folder / "blocks" for folder in folders):
        try:
            names = names_in(folder, root)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            problems.append(unreadable(error, shown(folder, root)))
            continue
        templates, schemas = _types_among(names, _TEMPLATE), _types_among(names, SCHEMA)
        problems += _misplaced(folder, root, templates, schemas)
        for name in sorted(templates - entries.keys() - BLOCKS.keys()):
            if not (_NAME.fullmatch(name) and is_free(name)):
                continue
            if name in schemas:
                entries[name], found = _declared(name, folder / f"{name}{SCHEMA}", root)
                problems += found
            else:
                entries[name] = _of_one_text(name)
    return BlockTypes(entries, tuple(problems))


def _types_among(names: Sequence[str], end: str) -> set[str]:
    return {name.removesuffix(end) for name in names if name.endswith(end)}


def _misplaced(folder: Path, root: Path, templates: set[str], schemas: set[str]) -> Iterator[Problem]:
    """Schemas that make no type."""
    for name in sorted(schemas):
        place = Place(shown(folder / f"{name}{SCHEMA}", root))
        if name in BLOCKS:
            hint = "Give your type another name. Its template alone changes only the look."
            yield Problem(
                "bad-block-type", f"{name} is a type that ships: its keys cannot be changed", place, hint=hint
            )
        elif not (_NAME.fullmatch(name) and is_free(name)):
            hint = "Use lower-case letters, digits and _; begin with a letter."
            yield Problem("bad-block-type", f"a block type cannot be called {name!r}", place, hint=hint)
        elif name not in templates:
            message = f"there is no template {name}{_TEMPLATE} beside this schema"
            yield Problem("missing-template", message, place, hint="Write it, or delete the schema.")


def _declared(name: str, file: Path, root: Path) -> _Made:
    try:
        return _made(name, read_file(file, root, MAX_BYTES), shown(file, root))
    except OSError as error:
        return _UnknownEntry, (unreadable(error, shown(file, root)),)


@lru_cache(maxsize=256)
def _made(name: str, data: bytes, shown_as: str) -> _Made:
    tree, problems = parse_source(data, shown_as)
    if tree is None or has_errors(problems):
        return _UnknownEntry, problems
    declared, found = read_model(TypeFile, tree)
    problems = (*problems, *found)
    if declared is not None and name not in declared.fields:
        message = f"no field is called {name}: the first key of a block is its type, and a field"
        node = tree.mapping["fields"]
        hint = f"Name the most important field {name}."
        return _UnknownEntry, (*problems, node.problem("missing-key", message, at=node.key_place, hint=hint))
    return (_UnknownEntry if declared is None else entry_of(name, declared)), problems


@lru_cache(maxsize=256)
def _of_one_text(name: str) -> type[BlockEntry]:
    return entry_of(name, TypeFile(fields={name: FieldEntry(kind="text", required=True)}))
