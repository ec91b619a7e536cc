"""make: the YAML of a block type → the model of its entry and its noun, of the same kinds as those in `blocks`."""

from collections.abc import Mapping
from dataclasses import make_dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, Field, create_model

from newsletter.authoring.block import Assembly, Block, BlockEntry
from newsletter.authoring.fields.values import Aside, Id, Inline, Line, Markdown, Plain, Role, Strict, Translation, Url
from newsletter.authoring.parts import Picture, PictureEntry
from newsletter.authoring.project_blocks.block import ProjectBlock, ProjectItem
from newsletter.authoring.project_blocks.type_file import FieldEntry, Kind, TypeFile, field_of

_WORDS = {"text": (Markdown, Markdown), "inline": (Aside, Inline), "plain": (Plain, Line)}
"""Kind → the type of a value that may be absent, and of a required one."""
_SILENT = frozenset({"number", "choice"})
"""Kinds that the text part has only where its lines name them: on a line of their own they say nothing."""
_MAX_ITEMS = 100


_Made: Any = Annotated
_List: Any = list
_Tuple: Any = tuple
_Model: Any = create_model
"""For types that are made while the program runs, which no type checker can follow."""


class _ProjectEntry(BlockEntry):
    NOUN: ClassVar[type[ProjectBlock]]

    def to_block(self, assembly: Assembly) -> Block:
        """The noun of the type."""
        return self.NOUN(**_values(self, assembly))


class _ItemEntry(Strict):
    NOUN: ClassVar[type[ProjectItem]]
    id: Id | None = None
    """Its name, for translations."""


def entry_of(name: str, declared: TypeFile) -> type[BlockEntry]:
    """The keys of a block type, which make its noun."""
    about = declared.about or f"A block of the type {name}."
    entry: type[BlockEntry] = _entry(
        _camel(name), (_ProjectEntry, ProjectBlock), declared.fields, about, declared.text, TYPE=name
    )
    return entry


def _entry(
    name: str,
    bases: tuple[Any, Any],
    declared_fields: Mapping[str, FieldEntry | Kind],
    about: str,
    lines: str | None,
    **constants: object,
) -> Any:
    """An entry with its noun, of a block or of an item. `bases`: of the two."""
    fields = {key: field_of(declared) for key, declared in declared_fields.items()}
    keys: dict[str, Any] = {}
    values: list[tuple[str, Any, Any]] = []
    for key, declared in fields.items():
        hint, noun_hint, absent = _types(declared, name + _camel(key))
        described = Field(description=declared.about or f"Kind: {declared.kind}.")
        keys[key] = (_Made[hint, described], ...) if declared.required else (_Made[hint | None, described], None)
        values.append((key, noun_hint, absent))
    default = "\n".join(f"{{{key}}}" for key, declared in fields.items() if declared.kind not in _SILENT)
    constants |= {"LINES": tuple((lines or default).split("\n"))}
    entry = _Model(f"{name}Entry", __base__=bases[0], __doc__=about, **keys)
    entry.NOUN = make_dataclass(
        bases[1].__name__.replace("Project", name),
        values,
        bases=(bases[1],),
        namespace=constants,
        frozen=True,
        slots=True,
    )
    return entry


def _types(declared: FieldEntry, name: str) -> tuple[Any, Any, Any]:
    """What a field is in the entry and in the noun, and its value in a noun without it."""
    match declared.kind, declared.of:
        case "url", _:
            return Url, Url, ""
        case "image", _:
            return PictureEntry, Picture | None, None
        case "number", _:
            bounds = Field(ge=declared.min, le=declared.max, allow_inf_nan=False)
            return Annotated[float, bounds, AfterValidator(_whole)], float | int | None, None
        case "choice", list() as words:
            return Annotated[Literal[*words], Role.CODE], Annotated[str, Role.CODE], ""
        case "list", dict() as fields:
            entry = _entry(name, (_ItemEntry, ProjectItem), fields, "One item.", declared.line)
            return _list(entry), _Tuple[entry.NOUN, ...], ()
        case "list", str() as kind:
            item, noun, _ = _types(FieldEntry(kind=kind, required=True), name)
            return _list(item), _Tuple[noun, ...], ()
    marks = {(True, True): Translation.REQUIRED, (True, False): Translation.EXPECTED}
    mark = marks.get((declared.translated, declared.required), Translation.OPTIONAL)
    hint = _Made[_WORDS[declared.kind][declared.required], mark]
    return hint, hint, ""


def _list(item: Any) -> Any:
    return _Made[_List[item], Field(min_length=1, max_length=_MAX_ITEMS)]


def _whole(value: float) -> float | int:
    return int(value) if value.is_integer() else value


def _values(entry: BaseModel, assembly: Assembly) -> dict[str, Any]:
    """The values of a noun; what was not written is absent there too."""
    written = {name: getattr(entry, name) for name in type(entry).model_fields if name not in BlockEntry.model_fields}
    return {name: _value(value, assembly) for name, value in written.items() if value is not None}


def _value(value: Any, assembly: Assembly) -> Any:
    match value:
        case PictureEntry():
            return value.picture(assembly.image)
        case _ItemEntry():
            return value.NOUN(id=value.id or "", **_values(value, assembly))
        case list():
            return tuple(_value(item, assembly) for item in value)
    return value


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
