"""Setting: which settings a theme has and what each may be. Used by `theme`, which knows where they were written.

A check gives the setting's value, or raises ValueError with the rest of a sentence that begins with its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from newsletter.compiler.colour import HEX

Check: TypeAlias = Callable[[object], Any]

_FONT = re.compile(r"[A-Za-z][A-Za-z0-9-]*( [A-Za-z][A-Za-z0-9-]*)*")
_GENERIC = ("cursive", "monospace", "sans-serif", "serif", "system-ui")
_TAG = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def check_of(path: str) -> Check | None:
    """What judges a setting, named as `light.ink`; None for a setting that does not exist."""
    group, _, rest = path.partition(".")
    tag, _, key = rest.partition(".")
    if group == "typefaces" and _TAG.fullmatch(tag):
        return _CHECKS.get(f"typefaces.default.{key}")
    return _CHECKS.get(path)


def _colour(value: object) -> str:
    if not isinstance(value, str) or not HEX.fullmatch(value):
        raise ValueError('must be a colour of six digits in quotes, such as "#20242a"')
    return value.lower()


def _pixels(least: int, most: int, step: int = 1) -> Check:
    def check(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most or value % step:
            multiple = f", a multiple of {step}" if step > 1 else ""
            raise ValueError(f"must be a whole number of pixels from {least} to {most}{multiple}")
        return value

    return check


def _number(least: float, most: float) -> Check:
    def check(value: object) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"must be a number from {least} to {most}")
        return value

    return check


def _fonts(value: object) -> str:
    # Without quotes a stack can stand in any attribute and style sheet; CSS allows it for names made of words.
    names = [name if isinstance(name, str) else "" for name in (value if isinstance(value, list) else [value])]
    if not all(map(_FONT.fullmatch, names)) or names[-1:] not in [[name] for name in _GENERIC]:
        raise ValueError("must be a list of font names, the last one of " + ", ".join(_GENERIC))
    return ", ".join(names)


def _emphasis(value: object) -> str:
    if value not in ("italic", "weight"):
        raise ValueError("must be italic or weight")
    return str(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value


_CHECKS: Mapping[str, Check] = {
    "width": _pixels(320, 800),
    "corner": _pixels(0, 24),
    **dict.fromkeys(
        (
            f"{scheme}.{name}"
            for scheme in ("light", "dark")
            for name in ("paper", "ink", "muted", "accent", "on_accent", "rule")
        ),
        _colour,
    ),
    **dict.fromkeys(
        (f"sizes.{name}" for name in ("meta", "button", "body", "title", "headline", "headline_small")), _pixels(9, 72)
    ),
    **dict.fromkeys(
        (f"spacing.{name}" for name in ("side", "side_small", "paragraph", "block", "article", "section")),
        _pixels(0, 120, step=4),
    ),
    "typefaces.default.body": _fonts,
    "typefaces.default.title": _fonts,
    "typefaces.default.line_height": _number(1, 2.5),
    "typefaces.default.title_line_height": _number(1, 2),
    "typefaces.default.emphasis": _emphasis,
    "typefaces.default.tracking": _number(0, 0.3),
    "logo.image": _text,
    "logo.alt": _text,
    "logo.width": _pixels(16, 560),
}
KNOWN = frozenset(_CHECKS)
REQUIRED = frozenset(path for path in _CHECKS if not path.startswith("logo."))
