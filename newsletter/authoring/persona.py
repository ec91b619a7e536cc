"""Persona: a made-up subscriber, for previews and checks. Read from personas.yaml by `load_personas`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, RootModel

from newsletter.authoring.fields.explain import read_model
from newsletter.authoring.fields.values import Id, Language, Plain, Strict, Zone
from newsletter.authoring.files import read_yaml
from newsletter.language import best_match
from newsletter.problem import Problem

FILE = "personas.yaml"


class Persona(Strict):
    """A made-up subscriber. What is empty is not known, as happens with real ones."""

    id: Id
    """How commands and the preview call them."""
    name: Plain = ""
    """As an email names them; may be empty."""
    email: Annotated[str, Field(max_length=254, pattern=r"^([^@\s]+@[^@\s]+)?$")] = ""
    """A made-up address, best at example.org."""
    language: Language | None = None
    """Which edition they get."""
    timezone: Zone | None = None
    """Such as Europe/Berlin."""
    attributes: Annotated[dict[str, Plain], Field(max_length=200)] = Field(default_factory=dict)
    """Everything else that is known about them, as text."""


class PersonasFile(RootModel[Annotated[list[Persona], Field(min_length=1, max_length=200)]]):
    """Made-up subscribers, for previews and checks."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)


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
    for persona, item in zip(model.root, node.items, strict=True):
        if persona.id in personas:
            message = f"there are two personas {persona.id!r}"
            problems += (item.mapping["id"].problem("duplicate-id", message, hint="Rename one."),)
        personas.setdefault(persona.id, persona)
    return tuple(personas.values()), problems


def choose_persona(personas: Sequence[Persona], language: str, languages: Sequence[str]) -> Persona:
    """The first persona who would get the edition in `language` of those in `languages`, or else the first of all."""
    fitting = (p for p in personas if (best_match([p.language or ""], languages) or languages[0]) == language)
    return next(fitting, personas[0])
