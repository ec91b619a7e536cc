"""Segment: some subscribers, chosen by a condition on what is known of them.

`values_of` is what the names of a condition mean in Python; `storage/audience/expression` says the same in SQL. Both
are equal for every subscriber; a test holds them to that.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from newsletter.audience.consent import Consent
from newsletter.audience.subscriber import Subscriber, Subscription
from newsletter.errors import ExpressionError
from newsletter.expression import (
    Condition,
    Name,
    Values,
    alone_in,
    collections_in,
    compared_in,
    equals_in,
    filtered_in,
    names_in,
    parse_condition,
)
from newsletter.expression.tree import And, Literal, Not, Or, Tree

OWN = ("email", "name", "language", "timezone")
"""What every subscriber may have beside attributes, which these hide."""
JOINED = "joined"
"""The day on which a subscriber was first stored (UTC)."""
OF_LISTS = ("consent", "since")
"""Consent to a list and the day of it (UTC): `consent.weekly`, `since.weekly`; a list `all-news` is `all_news` here."""
COLLECTIONS = ("lists", "received")
"""Slugs of lists with a confirmed subscription; of issues that a relay accepted for this address."""
_DAY = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
"""A day, or the beginning of one: a year, a month of a year."""

MOST_TESTS, DEEPEST = 200, 12
"""Tests of one segment, and levels of `and` and `or` within each other: databases refuse larger expressions."""
_LONG_HINT = 'Write a list as one test: country in ["DE", "AT"]; or keep who belongs to it in a tag of its own'


@dataclass(frozen=True, slots=True)
class Segment:
    """A condition with the name that it has in segments.yaml; empty for one from the command line."""

    where: Condition
    name: str = ""
    description: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.where.source}" if self.name else self.where.source


def parse_segment(source: str) -> Condition:
    """Parse the condition of a segment. Raises ExpressionError, also for what no subscriber could ever fulfil."""
    condition = parse_condition(source)
    for value in filtered_in(condition):
        message, hint = "a segment compares values as they are, without filters", 'Write country in ["DE", "de"]'
        raise ExpressionError(message, position=value.of.position, hint=hint)
    lists = {id(name) for name in collections_in(condition)}
    for name in names_in(condition):
        message, hint = _fault(name, is_collection=id(name) in lists)
        if message:
            raise ExpressionError(message, position=name.position, hint=hint)
    return condition


def parse_written_segment(source: str) -> Condition:
    """Parse the condition of a segment that somebody writes now. Raises as `parse_segment`, and for comparisons that
    cannot mean what was meant; a delivery keeps those that it was made with."""
    condition = parse_segment(source)
    if (tests := _measured(condition.tree)) > MOST_TESTS:
        raise ExpressionError(f"a segment has at most {MOST_TESTS} tests, not {tests}", hint=_LONG_HINT)
    for alone in alone_in(condition):
        message, hint = "a text or number alone is true of everybody", 'Write language in ["de", "en"]'
        raise ExpressionError(message, position=alone.position, hint=hint)
    for left, right in equals_in(condition):
        if len(right.path) == 1 and right.path[0] not in (*OWN, JOINED):
            one, other = ".".join(left.path), right.path[0]
            hint = f'Write {one} == "{other}"; the attribute is subscriber.{other}'
            raise ExpressionError(f"{other} has no quotes", position=right.position, hint=hint)
    for name, literal in compared_in(condition):
        message, hint = _mismatch(name, literal)
        if message:
            raise ExpressionError(message, position=literal.position, hint=hint)
    return condition


def _mismatch(name: Name, literal: Literal) -> tuple[str, str]:
    first, text = name.path[0], str(literal.value)
    if first in ("since", JOINED) and not (isinstance(literal.value, str) and _DAY.fullmatch(text)):
        return f"{'.'.join(name.path)} is a day, and {text!r} is none", 'Write the day as in "2026-11-30"'
    if first == "consent" and text not in set(Consent):
        return f"there is no consent {text!r}", f"There are: {', '.join(Consent)}"
    return "", ""


def _measured(tree: Tree, depth: int = 0) -> int:
    """How many tests there are. Raises ExpressionError when `and` and `or` are nested too deeply."""
    match tree:
        case Not(of=part):
            return _measured(part, depth)
        case And(of=parts) | Or(of=parts) if depth < DEEPEST:
            return sum(_measured(part, depth + 1) for part in parts)
        case And() | Or():
            at = next((name.position for name in names_in(tree)), 0)
            raise ExpressionError("this is nested too deeply", position=at, hint=_LONG_HINT)
    return 1


def _fault(name: Name, *, is_collection: bool) -> tuple[str, str]:
    first, *more = name.path
    if first in COLLECTIONS and (more or not is_collection):
        return f"{first} is a list", f'Write "…" in {first}'
    if first in OF_LISTS and (len(more) != 1 or is_collection):
        return f"{first} needs the name of a list", f"Write {first}.weekly"
    if first in (*OWN, JOINED) and (more or is_collection):
        return f"{first} is one text", f'Write {first} == "…"'
    return ("", "") if first != "subscriber" or more else ("subscriber is no value", "Write subscriber.country")


def values_of(
    subscriber: Subscriber, subscriptions: Sequence[Subscription], received: Collection[str], joined: datetime
) -> Values:
    """What the names in a segment mean for one subscriber."""
    own = {
        **subscriber.attributes,
        "email": subscriber.address,
        "name": subscriber.name,
        "language": subscriber.language,
        "timezone": subscriber.timezone,
    }
    return {
        **own,
        "subscriber": own,
        JOINED: _day(joined),
        "consent": {list_name(one.list): one.consent.value for one in subscriptions},
        "since": {list_name(one.list): _day(one.since) for one in subscriptions},
        "lists": frozenset(one.list for one in subscriptions if one.consent is Consent.CONFIRMED),
        "received": frozenset(received),
    }


def list_name(slug: str) -> str:
    """A list's slug as a name in an expression, which has no hyphens."""
    return slug.replace("-", "_")


def lists_named(condition: Condition) -> set[str]:
    """The lists that a condition names, with `_` for each `-`."""
    slugs = {str(literal.value) for name, literal in compared_in(condition) if name.path == ("lists",)}
    return {*map(list_name, slugs), *(name.path[1] for name in names_in(condition) if name.path[0] in OF_LISTS)}


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()
