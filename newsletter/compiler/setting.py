"""Setting: what single settings of a theme may be. The entries and nouns of `theme` are made of these types."""

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import BeforeValidator, Field, WrapValidator

from newsletter.authoring.fields.values import refused
from newsletter.compiler.colour import HEX

_FONT = re.compile(r"[A-Za-z][A-Za-z0-9-]*( [A-Za-z][A-Za-z0-9-]*)*")
_GENERIC = ("cursive", "monospace", "sans-serif", "serif", "system-ui")


def _colour(value: object) -> str:
    if not isinstance(value, str) or not HEX.fullmatch(value):
        hint = "YAML takes # for a comment unless it is in quotes." if value is None else ""
        raise refused("bad-value", 'this must be a colour of six digits in quotes, such as "#20242a"', hint)
    return value.lower()


def _fonts(value: object) -> str:
    # Without quotes a stack fits into any attribute and style sheet; CSS allows it for names made of words.
    names = [name if isinstance(name, str) else "" for name in (value if isinstance(value, list) else [value])]
    if not all(map(_FONT.fullmatch, names)) or names[-1:] not in [[name] for name in _GENERIC]:
        message = "this must be a list of font names, the last one of {generic}"
        raise refused("bad-value", message, generic=", ".join(_GENERIC))
    return ", ".join(names)


def _as_written(value: float, check: Callable[[float], float]) -> float:
    """A whole number stays one: it is written into style sheets as the theme writes it."""
    check(value)
    return value


Colour = Annotated[str, BeforeValidator(_colour)]
"""`#rrggbb` in small letters."""
Fonts = Annotated[str, BeforeValidator(_fonts)]
"""A font stack, as CSS wants it."""
TypeSize = Annotated[int, Field(ge=9, le=72)]
"""Pixels."""
Gap = Annotated[int, Field(ge=0, le=120, multiple_of=4)]
"""Pixels."""
AsWritten = WrapValidator(_as_written)
LanguageKey = Annotated[str, Field(pattern=r"^(default|[a-z]{2,3}(-[A-Za-z0-9]{2,8})*)$")]
