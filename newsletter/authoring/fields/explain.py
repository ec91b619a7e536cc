"""explain: what a model refuses → problems at their places, in words for the author."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from newsletter.authoring.fields.shape import shape_of
from newsletter.problem import Problem
from newsletter.source import Node, near_miss, quoted, shortened
from newsletter.source.characters import explain as explain_character
from newsletter.source.characters import in_word, plain_word

MAX_PROBLEMS = 200
"""The most that are reported of one file."""

_Model = TypeVar("_Model", bound=BaseModel)

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "list_type": "a list (lines that begin with -)",
    "dict_type": "a mapping (lines of key: value)",
    "model_type": "a mapping (lines of key: value)",
    "date_type": "a date such as 2024-01-25",
    "union_tag_not_found": "a block (lines of key: value)",
}
_BOUNDS = {
    "string_too_short": ("empty-value", "nothing is written here"),
    "string_too_long": ("too-long", "this has {length} characters; at most {max_length} fit"),
    "too_short": ("empty-value", "the list is empty"),
    "too_long": ("too-long", "there are more than {max_length} entries"),
    "greater_than_equal": ("out-of-range", "this must be at least {ge}"),
    "less_than_equal": ("out-of-range", "this must be at most {le}"),
    "multiple_of": ("out-of-range", "this must be a multiple of {multiple_of}"),
    "literal_error": ("wrong-value", "this must be {expected}"),
}
"""What pydantic refuses → rule and message."""
_FOR_THE_PROGRAM = ("bad-", "string_pattern", "literal")
"""How the kinds begin of values that are no words for readers."""
_NAMING = "Use letters, digits, - and _; begin with a letter or digit."
_NAMES = {bool: "a yes-or-no value", int: "a number", float: "a number", str: "text"}


def read_model(model: type[_Model], root: Node) -> tuple[_Model | None, tuple[Problem, ...]]:
    """The values of a file as its model, or everything that keeps them from being one."""
    try:
        return model.model_validate(root.plain()), ()
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)[:MAX_PROBLEMS]
    # The alias itself is reported by the reader of YAML; its placeholder is no value.
    problems = [_explain(model, root, detail) for detail in details if _locate(root, detail["loc"])[0].style != "*"]
    return None, tuple(_without_echoes(problems))


def _explain(model: type[BaseModel], root: Node, detail: Any) -> Problem:
    kind, context = detail["type"], detail.get("ctx", {})
    node, rest = _locate(root, detail["loc"])
    if wrong := _wrong_character(kind, node):
        return wrong
    if kind == "missing":
        return _missing(node, str(rest))
    if kind == "extra_forbidden":
        return _unknown_key(node, _keys_beside(model, root, detail["loc"]))
    if kind == "union_tag_invalid":
        return _unknown_block(node, re.findall(r"':(\w+)'", context["expected_tags"]))
    if kind in _WANTED:
        return _wrong_type(node, _WANTED[kind], wants_text=kind == "string_type")
    if "[key]" in detail["loc"]:
        message = f"{shortened(node.path.rpartition('.')[2])!r} cannot be a key here"
        return node.problem("bad-key", message, at=node.key_place, hint=_hint(context) or _NAMING)
    if "hint" in context or "-" in kind:
        at = node.place_at(context["offset"]) if "offset" in context else None
        return node.problem(kind, detail["msg"], hint=_hint(context), at=at)
    return _refused(kind, detail["msg"], context, node)


def _wrong_character(kind: str, node: Node) -> Problem | None:
    """The problem of a value for the program that a wrong character spoils; texts may hold such characters."""
    is_spoilt = plain_word(node.text).isdigit() if kind == "int_type" else kind.startswith(_FOR_THE_PROGRAM)
    at = next(in_word(node.text[:1] if kind == "bad-url" else node.text), None)
    if node.style or at is None or not is_spoilt:
        return None
    message, hint = explain_character(node.text[at])
    return node.problem("wrong-character", message, hint=hint, at=node.place_at(at))


def _locate(root: Node, location: Sequence[str | int]) -> tuple[Node, str | int | None]:
    """The node of a location, and the part of it that the file does not have. Tags begin with a colon."""
    node = root
    for part in location:
        if isinstance(part, int) and part < len(node.items):
            node = node.items[part]
        elif isinstance(part, str) and part in node.mapping:
            node = node.mapping[part]
        elif not (isinstance(part, str) and part.startswith((":", "[key]"))):
            return node, part
    return node, None


def _keys_beside(model: type[BaseModel], root: Node, location: Sequence[str | int]) -> tuple[str, ...]:
    """The keys that the mapping which holds the last part of a location may have."""
    node, shape = root, shape_of(model)
    for part in location[:-1]:
        if isinstance(part, int) and part < len(node.items):
            shape, node = shape.item(node), node.items[part]
        elif isinstance(part, str) and part in node.mapping:
            shape, node = shape.fields(node)[part], node.mapping[part]
    return tuple(shape.fields(node))


def _missing(node: Node, key: str) -> Problem:
    path = f"{node.path}.{key}" if node.path else key
    return node.source.problem("missing-key", f"{key!r} is missing", node.place, path=path)


def _unknown_key(node: Node, known: Sequence[str]) -> Problem:
    key = node.path.rpartition(".")[2]
    one_more = " A block of its own begins with '- '." if re.search(r"blocks\[\d+\]\.[^.]*$", node.path) else ""
    hint = _meant_key(key, known) or f"Known here: {', '.join(known)}.{one_more}"
    return node.problem("unknown-key", f"there is no key {shortened(key)!r} here", at=node.key_place, hint=hint)


def _meant_key(key: str, known: Sequence[str]) -> str:
    """A sentence that names the known key for another word, or for a misspelt one."""
    word = re.sub(r"[\s-]+", "_", key.strip().lower())
    meant = next((name for name, words in _near_words().items() if word in words and name in known), "")
    return f"Did you mean {meant!r}?" if meant else near_miss(key, known)


@cache
def _near_words() -> Mapping[str, Sequence[str]]:
    return tomllib.loads(Path(__file__).with_name("near_words.toml").read_text(encoding="utf-8"))


def _unknown_block(node: Node, types: Sequence[str]) -> Problem:
    key = next((key for key in node.mapping if key != "id"), "")
    late = next((key for key in node.mapping if key in types), "")
    if not key:
        message, hint = "this block has no type", f"Its first key is one of {', '.join(types)}."
    elif late:
        message = f"the first key of a block names its type, and {shortened(key)!r} is none"
        hint = f"Put {late!r} first."
    else:
        message = f"there is no block type {shortened(key)!r}"
        hint = _meant_key(key, types) or f"The types are {', '.join(types)}."
    first = node.mapping.get(key)
    return node.problem("unknown-block", message, at=first.key_place if first else None, hint=hint)


def _wrong_type(node: Node, wanted: str, *, wants_text: bool) -> Problem:
    raw = node.source.text[node.start : node.end].split("\n", 1)[0].strip()
    hint = _meant(node, raw, wants_text=wants_text) if raw else ""
    if node.value is None:
        return node.problem("empty-value", f"nothing is written here; it must be {wanted}")
    if isinstance(node.value, tuple):
        found = "a list"
    elif node.mapping or not isinstance(node.value, (str, int, float)):
        found = "a mapping, because of the ': ' in it" if wants_text and ": " in raw else "a mapping"
    else:
        found = f"{_NAMES[type(node.value)]} ({shortened(raw)})"
    return node.problem("wrong-type", f"this must be {wanted}, not {found}", hint=hint)


def _meant(node: Node, raw: str, *, wants_text: bool) -> str:
    """What was probably meant by a value of another kind."""
    if wants_text:
        if ".links[" in node.path and len(node.mapping) > 1:
            return 'An item is a sentence, such as "[](@noor) writes about maps.", or its id and text.'
        if raw.startswith("- "):
            return "Write it without the '- '."
        return f"Quote this text: {shortened(quoted(raw), 200)}"
    if node.text and node.path == "hero":
        return f'Write {{image: {shortened(raw)}, alt: "…"}}'
    if node.text and re.fullmatch(r"blocks\[\d+\]", node.path):
        return f"Write text: {shortened(quoted(node.text))}"
    return ""


def _refused(kind: str, message: str, context: Any, node: Node) -> Problem:
    """What is too long, too short, out of range or none of a few words; `message` is pydantic's."""
    if kind == "string_pattern_mismatch":
        hint = "An address looks like name@example.org." if "@" in context["pattern"] else _NAMING
        if re.search(r"(^|\.)author(\[\d+\])?$", node.path):
            hint = f"Write {{name: {shortened(quoted(node.text))}}}, or an id of people.yaml."
        return node.problem("bad-name", f"{shortened(node.text)!r} cannot be used here", hint=hint)
    rule, words = _BOUNDS.get(kind, ("wrong-value", ""))
    words = words.format(length=len(node.text), **context).replace("True", "true, or left empty")
    return node.problem(rule, words or message)


def _hint(context: Any) -> str:
    return str(context.get("hint", ""))


def _without_echoes(problems: list[Problem]) -> list[Problem]:
    """Without the keys that are missing only because they are misspelt."""
    meant = {
        f"{problem.path.rpartition('.')[0]}.{problem.hint.split(chr(39))[1]}".lstrip(".")
        for problem in problems
        if problem.id == "unknown-key" and problem.hint.startswith("Did you mean")
    }
    return [problem for problem in problems if problem.id != "missing-key" or problem.path not in meant]
