"""Series: the file `series/<name>/series.yaml`, which puts the issues beside it in order. Read by `load_series`."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field

from newsletter.authoring.fields.explain import read_model
from newsletter.authoring.fields.values import Id, Strict, Wait
from newsletter.authoring.files import read_yaml
from newsletter.problem import Problem
from newsletter.source import Node

FOLDER = "series"
FILE = "series.yaml"


class StepEntry(Strict):
    """One issue of a series."""

    issue: Id
    """The file beside this one, without .yaml: hello."""
    wait: Wait = timedelta()
    """How long after the step before, after the confirmation for the first one: 3 days. Default: at once."""


class SeriesFile(Strict):
    """Issues that somebody gets one after the other, once they have confirmed a list."""

    steps: Annotated[list[StepEntry], Field(min_length=1, max_length=100)]
    """The issues in order."""
    list: Id
    """The list whose new subscribers get them."""


def load_series(file: Path, *, root: Path) -> tuple[SeriesFile | None, Node | None, tuple[Problem, ...]]:
    """The file and its nodes, and what is wrong with it. Raises FileNotFoundError."""
    node, problems = read_yaml(file, root)
    if node is None:
        return None, None, problems
    model, refused = read_model(SeriesFile, node)
    return model, node, (*problems, *refused)
