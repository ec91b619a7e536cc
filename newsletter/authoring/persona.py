"""Persona: a made-up subscriber in the project, for previews and checks. Read from personas.yaml by `load_personas`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, RootModel

from newsletter.authoring.fields.explain import read_model
from newsletter.authoring.fields.values import Id, Language, Plain, Strict, Zone
from newsletter.authoring.files import read_yaml
from newsletter.language import best_match
from newsletter.problem import Problem

FILE = "personas.yaml"


class PersonaEntry(Strict):
    """A made-up subscriber."""

    id: Id
    """How commands and the preview call them."""
    name: Plain = ""
    """Empty: not known, as happens with real subscribers."""
    email: Annotated[str, Field(max_length=254, pattern=r"^([^@\s]+@[^@\s]+)?$")] = ""
    """A made-up address, best at example.org."""
    language: Language | None = None
    """Which edition they get."""
    timezone: Zone | None = None
    """Such as Europe/Berlin."""
    attributes: Annotated[dict[str, Plain], Field(max_length=200)] = Field(default_factory=dict)
    """Everything else that is known about them, as text."""


class PersonasFile(RootModel[Annotated[list[PersonaEntry], Field(min_length=1, max_length=200)]]):
    """Made-up subscribers, for previews and checks."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Persona:
    """A made-up subscriber. Empty strings mean: not known, as with a real one."""

    id: str
    name: str = ""
    email: str = ""
    language: str = ""
    timezone: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


BUILT_IN = Persona(id="reader", name="Alex Reader", email="reader@example.org")
"""The one persona that a project without personas.yaml has."""


def load_personas(file: Path, *, root: Path) -> tuple[tuple[Persona, ...], tuple[Problem, ...]]:
    """The personas of a project and what is wrong with the file; `BUILT_IN` when it is missing or cannot be used.

    Places are shown relative to `root`, the project folder, when the file lies inside it.
    """
    try:
        node, problems = read_yaml(file, root)
    except FileNotFoundError:
        return (BUILT_IN,), ()
    if node is None:
        return (BUILT_IN,), problems
    model, refused = read_model(PersonasFile, node)
    problems += refused
    if model is None:
        return (BUILT_IN,), problems
    personas: dict[str, Persona] = {}
    for number, entry in enumerate(model.root):
        if entry.id in personas:
            place = node.items[number].mapping["id"]
            problems += (place.problem("duplicate-id", f"there are two personas {entry.id!r}", hint="Rename one."),)
        language, timezone = entry.language or "", entry.timezone or ""
        made = Persona(entry.id, entry.name, entry.email, language, timezone, entry.attributes)
        personas.setdefault(entry.id, made)
    return tuple(personas.values()), problems


def choose_persona(personas: Sequence[Persona], language: str, languages: Sequence[str]) -> Persona:
    """The first persona who would get the edition in `language` of those in `languages`, or else the first of all."""
    fitting = (p for p in personas if (best_match([p.language], languages) or languages[0]) == language)
    return next(fitting, personas[0])
