"""A mistake as pydantic reports it → what is wrong with the key, in a sentence."""

from collections.abc import Iterable, Mapping
from typing import Any

from newsletter.config.config import sections_of

_WANTED = {
    "literal_error": "{expected}", "greater_than_equal": "at least {ge}", "less_than_equal": "at most {le}",
    "string": "text in quotes", "int": "a whole number", "finite": "a number", "bool": "true or false",
    "tuple": 'a list of texts, as in ["first", "second"]',
}  # fmt: skip
"""How pydantic's type of a mistake begins, and what the value must be."""


def explain(item: Any, loc: tuple[str, ...], merged: Mapping[str, Any]) -> str:
    """What is wrong with one key, in a sentence."""
    if item["type"] == "extra_forbidden":
        return _unknown(loc, merged)
    if item["type"] in ("model_type", "tuple_type") and len(loc) == 1 and sections_of()[loc[0]][1]:
        return f"this may be repeated: write [[{loc[0]}]] on a line of its own and its keys below it"
    if item["type"] == "missing":
        return "this is missing"
    if item["type"] == "model_type":
        return f"this is a section: write [{loc[0]}] on a line of its own and its keys below it"
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    wanted = next((words for start, words in _WANTED.items() if item["type"].startswith(start)), "")
    return f"this must be {wanted.format_map(item.get('ctx', {}))}" if wanted else str(item["msg"])


def _unknown(loc: tuple[str, ...], merged: Mapping[str, Any]) -> str:
    from newsletter.source import near_miss  # only a mistake pays for importing it

    sections = {
        section: [field.alias or name for name, field in model.model_fields.items()]
        for section, (model, _) in sections_of().items()
    }
    if len(loc) > 1:
        return f"there is no such key. {near_miss(loc[1], sections[loc[0]]) or _among(sections[loc[0]])}"
    home = next((name for name, keys in sections.items() if loc[0] in keys), "")
    if home and not isinstance(merged[loc[0]], dict):
        return f"this key belongs to a section: write it below [{home}]"
    return f"there is no such section. {near_miss(loc[0], sections) or _among(sections)}"


def _among(names: Iterable[str]) -> str:
    return f"There are: {', '.join(names)}"
