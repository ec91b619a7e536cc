"""Fingerprint: the content hash of an edition, over what it was compiled from. What was approved is what is sent.

It covers words, contributors, images, templates, theme, identity and the version of this compiler's output, but not
the URL that images are served from or the paths of files.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from functools import cache
from typing import Any

from newsletter.authoring.fields.values import Strict
from newsletter.authoring.image import ImageFile

VERSION = 2
"""Grows whenever the same input compiles to another email: a changed compiler is a changed edition."""

_NOT_CONTENT = frozenset({"path", "places", "corrections"})
"""Where a value is written in its file is no part of the content, nor what only the web page says later."""


def fingerprint(*parts: object) -> str:
    """Hex SHA-256 of nouns, in an order of their own: the same in every process and on every machine."""
    text = json.dumps([VERSION, *map(_canonical, parts)], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _canonical(value: object) -> Any:
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, (tuple, list)):
        return [_canonical(item) for item in value]
    if isinstance(value, ImageFile):
        return ["image", value.sha256]
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, {name: _canonical(getattr(value, name)) for name in _content_of(type(value))}]
    if isinstance(value, Strict):
        return [type(value).__name__, {name: _canonical(field) for name, field in value}]
    if isinstance(value, Mapping):
        return [[_canonical(key), _canonical(value[key])] for key in sorted(value, key=str)]
    if isinstance(value, (date, Enum)):
        return str(value)
    if isinstance(value, (str, int, float)):
        return value
    raise TypeError(f"{type(value).__name__} has no canonical form")


@cache
def _content_of(noun: type) -> tuple[str, ...]:
    """The names of the fields that are content."""
    return tuple(field.name for field in fields(noun) if field.name not in _NOT_CONTENT)
