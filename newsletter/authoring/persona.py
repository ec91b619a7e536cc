"""Persona: a made-up subscriber in the project, used to preview and check. Read from personas.yaml by `load_personas`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from newsletter.problem import Problem


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


def load_personas(file: Path, *, root: Path | None = None) -> tuple[tuple[Persona, ...], tuple[Problem, ...]]:
    """The personas of a project (never none: without the file it is `BUILT_IN`) and what is wrong with the file."""
    raise NotImplementedError
