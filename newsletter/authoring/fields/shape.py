"""Shape: what may be written at one place of a file, read from the types of the models. Nothing else repeats it.

`walk` goes through a tree and its shape together; `proofread`, `translation` and `explain` look at values that way,
also at those of a file that is not yet an issue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Annotated, Any, ClassVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Discriminator, RootModel, Tag

from newsletter.authoring.fields.values import Key, Role, Translation
from newsletter.source import Node


def _nothing(_value: object) -> None:
    return None


@dataclass(frozen=True, eq=False)
class Shape:
    """What may be written at one place: a value with its role, a list or mapping, or one of several `choices`."""

    role: Role | None = None
    translation: Translation = Translation.OPTIONAL
    model: type[BaseModel] | None = None
    """Of a mapping with known keys."""
    inner: Shape | None = None
    """Of the items of a list, and of the values of a mapping with keys of its own."""
    choices: Mapping[str, Shape] = field(default_factory=dict)
    choose: Callable[[Any], Any] = _nothing
    """The value → the name of a choice."""
    key: str | None = None
    """Of a noun's field: see `Key`."""

    def of(self, node: Node) -> Shape:
        """The shape that a node chooses; this one where there is nothing to choose, or where it chooses nothing."""
        if not self.choices:
            return self
        chosen = self.choices.get(self.choose(list(node.items) if isinstance(node.value, tuple) else node.value) or "")
        return chosen.of(node) if chosen else self

    def fields(self, node: Node) -> Mapping[str, Shape]:
        """Key → shape. Where a node chooses nothing every choice counts, so that one mistake hides no others."""
        chosen = self.of(node)
        return chosen.all_fields if chosen.inner is None else dict.fromkeys(node.mapping, chosen.inner)

    def item(self, node: Node) -> Shape:
        """The shape of the items of a node."""
        chosen = self.of(node)
        return chosen.inner or Shape(choices={key: each.inner for key, each in chosen.choices.items() if each.inner})

    @cached_property
    def all_fields(self) -> Mapping[str, Shape]:
        """The keys of every choice; the first that has a key decides what it is."""
        if self.model is not None:
            return fields_of(self.model)
        every = [choice.all_fields for choice in self.choices.values()]
        return {key: shape for fields in reversed(every) for key, shape in fields.items()}

    @property
    def has_ids(self) -> bool:
        """Whether this is a list whose items have ids."""
        return self.inner is not None and "id" in self.inner.all_fields


def walk(root: Node, shape: Shape) -> Iterator[tuple[Shape, Node]]:
    """Every value of a tree with its shape, in the order of the file.

    Below an unknown key the keys known beside it are expected: the texts of a misspelt list are checked too.
    """
    waiting = [(shape, root)]
    while waiting:
        shape, node = waiting.pop()
        yield shape.of(node), node
        if node.mapping:
            known = shape.fields(node)
            other = Shape(choices=known)
            waiting += [(known.get(key, other), child) for key, child in reversed(list(node.mapping.items()))]
        elif node.items:
            item = shape.item(node)
            waiting += [(item, child) for child in reversed(node.items)]


@cache
def fields_of(model: type) -> Mapping[str, Shape]:
    """The keys of a model or the fields of a noun, in order."""
    hints = get_type_hints(model, include_extras=True)
    return {name: shape_of(hint) for name, hint in hints.items() if get_origin(hint) is not ClassVar}


def shape_of(hint: Any) -> Shape:
    """The shape that a type describes."""
    hint, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    parts = [part for part in get_args(hint) if part not in (type(None), ...)]
    if type(None) in get_args(hint) and len(parts) == 1:
        return shape_of(Annotated[parts[0], *marks] if marks else parts[0])
    model = hint if isinstance(hint, type) and issubclass(hint, BaseModel) else None
    if model is not None and issubclass(model, RootModel):
        return shape_of(model.model_fields["root"].annotation)
    chooser = next((mark.discriminator for mark in marks if isinstance(mark, Discriminator)), None)
    return Shape(
        role=next((mark for mark in reversed(marks) if isinstance(mark, Role)), None),
        translation=next((mark for mark in reversed(marks) if isinstance(mark, Translation)), Translation.OPTIONAL),
        model=model,
        inner=shape_of(parts[-1]) if get_origin(hint) in (list, tuple, dict) else None,
        choices={_tag(part): shape_of(part) for part in parts} if callable(chooser) else {},
        choose=chooser if callable(chooser) else _nothing,
        key=next((mark.name for mark in marks if isinstance(mark, Key)), None),
    )


def _tag(part: Any) -> str:
    return next(mark.tag for mark in get_args(part) if isinstance(mark, Tag))
