"""defaults: what every issue of a project has that does not say it itself. Read from issues/defaults.yaml.

`defaults.<language>.yaml` comes first for what is written in that language. Values keep their places in these files.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from newsletter.authoring.fields.explain import read_model
from newsletter.authoring.files import read_yaml
from newsletter.authoring.schema import DefaultsFile
from newsletter.problem import Problem
from newsletter.source import Node

FILE = "defaults.yaml"
_NAME = re.compile(r"defaults(?:\.[A-Za-z0-9_-]+)?\.yaml")
_BY_KEY = "send"
"""The value of which an issue may say a part: `send: {at: …}` keeps the list. Any other one is replaced whole."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """One file of defaults."""

    file: Path
    tree: Node | None
    """None where the file cannot be used."""
    problems: tuple[Problem, ...]

    @property
    def values(self) -> Mapping[str, Node]:
        """What it supplies, by key."""
        return self.tree.mapping if self.tree else {}


def may_be_defaults(file: Path) -> bool:
    """Whether defaults can have this name, which then is no issue's."""
    return _NAME.fullmatch(file.name) is not None


def file_for(language: str) -> str:
    """The name of the defaults for one language."""
    return f"defaults.{language}.yaml"


def load_defaults(file: Path, root: Path) -> Defaults:
    """Read a file of defaults and validate it whole, also what every issue says itself. Raises FileNotFoundError."""
    tree, problems = read_yaml(file, root)
    if tree is None:
        return Defaults(file, None, problems)
    _, refused = read_model(DefaultsFile, tree)
    return Defaults(file, tree, (*problems, *refused))


def supplied(tree: Node, defaults: Defaults | None) -> Node:
    """The tree of an issue or a translation with the defaults for what it does not say."""
    if defaults is None or not tree.mapping:
        return tree
    known = {key: value for key, value in defaults.values.items() if key in DefaultsFile.model_fields}
    whole = {**known, **tree.mapping}
    own, theirs = tree.mapping.get(_BY_KEY), defaults.values.get(_BY_KEY)
    if own and theirs and own.mapping and theirs.mapping:
        whole[_BY_KEY] = replace(own, value={**theirs.mapping, **own.mapping})
    return replace(tree, value=whole)
