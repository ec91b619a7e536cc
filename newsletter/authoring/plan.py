"""Plan: date and `send:` of an issue, read without its texts and pictures, as the scheduler looks at them often."""

from dataclasses import replace
from datetime import date
from pathlib import Path

from newsletter.authoring.assemble import send_plan
from newsletter.authoring.fields.explain import read_model
from newsletter.authoring.fields.values import Day, Strict
from newsletter.authoring.files import folders_above, read_yaml
from newsletter.authoring.issue import SendPlan
from newsletter.authoring.schema import SendEntry
from newsletter.authoring.short.defaults import FILE, Defaults, file_for, load_defaults, supplied
from newsletter.language import language_tag
from newsletter.source import Node


class _Plan(Strict):
    """The part of an issue's file that is read here."""

    date: Day
    send: SendEntry | None = None


def read_plan(file: Path, root: Path) -> tuple[date, SendPlan] | None:
    """The date of an issue and its plan for its own sending, defaults included; None when they cannot be read."""
    try:
        tree, _ = read_yaml(file, root)
        return _read(tree, file, root) if tree else None
    except FileNotFoundError:
        return None


def _read(tree: Node, file: Path, root: Path) -> tuple[date, SendPlan] | None:
    everywhere = _nearest(FILE, file, root)
    node = tree.mapping.get("language") or (everywhere.values.get("language") if everywhere else None)
    language = language_tag(node.text) if node else None
    tree = supplied(supplied(tree, _nearest(file_for(language), file, root) if language else None), everywhere)
    chosen = {key: value for key, value in tree.mapping.items() if key in _Plan.model_fields}
    plan, _ = read_model(_Plan, replace(tree, value=chosen))
    return (plan.date, send_plan(plan.send)) if plan else None


def _nearest(name: str, file: Path, root: Path) -> Defaults | None:
    found = next((folder / name for folder in folders_above(file, root) if (folder / name).is_file()), None)
    return load_defaults(found, root) if found else None
