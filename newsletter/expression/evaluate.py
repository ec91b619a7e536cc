"""Evaluate: a tree and one recipient's values → true or false, or a text. Decided by these two alone, never raising."""

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from newsletter.expression.tree import (
    Among,
    And,
    Comparison,
    Condition,
    Filter,
    Literal,
    Name,
    Not,
    Operator,
    Or,
    Present,
    Scalar,
    Tree,
    Value,
    Values,
)

FILTERS: Mapping[str, Callable[..., str]] = {
    "default": lambda text, fallback: text if text.strip() else fallback,
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
    "first_word": lambda text: text.split()[0] if text.split() else "",
}
"""Every filter there is; the first argument is the value as text. Listed in docs/reference/issue.md."""

COMPARE: Mapping[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQUAL: operator.eq,
    Operator.UNEQUAL: operator.ne,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.GREATER: operator.gt,
    Operator.AT_LEAST: operator.ge,
}
"""Also for the columns of SQL."""
_OF_TRUTH = frozenset({Operator.EQUAL, Operator.UNEQUAL})


def holds(condition: Condition | Tree, values: Values) -> bool:
    """Whether a condition is true of these values."""
    match condition:
        case Condition(tree=tree):
            return holds(tree, values)
        case And(of=parts):
            return all(holds(part, values) for part in parts)
        case Or(of=parts):
            return any(holds(part, values) for part in parts)
        case Not(of=part):
            return not holds(part, values)
        case Comparison(left=left, operator=how, right=right):
            return _compare(_value_of(left, values), how, _value_of(right, values))
        case Among(value=value, choices=choices, is_negated=is_negated):
            found = _value_of(value, values)
            if found is None:
                return False
            is_among = any(_compare(found, Operator.EQUAL, choice) for choice in _choices(choices, values))
            return is_among is not is_negated
        case Present(value=value):
            found = _value_of(value, values)
            return found if isinstance(found, bool) else found is not None


def _choices(choices: tuple[Literal, ...] | Name, values: Values) -> Iterable[Scalar | None]:
    if not isinstance(choices, Name):
        return [choice.value for choice in choices]
    found = _looked_up(choices.path, values)
    return map(_scalar, found) if isinstance(found, (list, tuple, frozenset)) else ()


def text_of(value: Value, values: Values) -> str:
    """A value as text; empty when it is missing."""
    found = _value_of(value, values)
    return "" if found is None else str(found)


def _value_of(value: Value, values: Values) -> Scalar | None:
    """A value after its filters; None when it is missing, blank, or no text, number or truth value."""
    found: object = _looked_up(value.of.path, values) if isinstance(value.of, Name) else value.of.value
    for step in value.filters:
        found = _filtered(step, found)
    return _scalar(found)


def _scalar(found: object) -> Scalar | None:
    if not isinstance(found, (str, int, float)):
        return None
    return None if isinstance(found, str) and not found.strip() else found


def _looked_up(path: tuple[str, ...], values: Values) -> object:
    found: object = values
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _filtered(step: Filter, found: object) -> Scalar:
    text = str(found) if isinstance(found, (str, int, float)) else ""
    return FILTERS[step.name](text, *map(str, step.arguments))


def _compare(left: Scalar | None, how: Operator, right: Scalar | None) -> bool:
    kind = _kind(left)
    if kind is None or kind is not _kind(right) or (kind is bool and how not in _OF_TRUTH):
        return False
    return bool(COMPARE[how](left, right))


def _kind(value: Scalar | None) -> type | None:
    """Truth values are no numbers here."""
    return next((kind for kind in (bool, str) if isinstance(value, kind)), None if value is None else float)
