"""Expression: the condition of a segment as SQL, true for the same subscribers as `expression.holds` is in Python.

Every value of the source is bound, and a name leads to one of the columns here or into the subscriber's attributes.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from newsletter.audience.consent import Consent
from newsletter.audience.segment import COLLECTIONS, JOINED, OF_LISTS
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.expression import Condition, Name
from newsletter.expression.evaluate import COMPARE
from newsletter.expression.tree import Among, And, Comparison, Literal, Not, Operator, Or, Present, Tree, Value
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import Instant, lists, recipients, subscribers, subscriptions
from newsletter.storage.database.typed import Typed

Sql = sa.ColumnElement[bool]

BLANKS = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What `str.strip` removes: text of nothing else is no value."""

_OWN = {
    "email": subscribers.c.address,
    "name": subscribers.c.name,
    "language": subscribers.c.language,
    "timezone": subscribers.c.timezone,
}


def matches(database: Database, condition: Condition) -> Sql:
    """Whether a subscriber belongs to a segment: true or false, never NULL. `condition` is from `parse_segment`.

    For the WHERE of a query that selects from `subscribers`.
    """
    return _Compiler(database).tree(condition.tree)


class _Compiler:
    def __init__(self, database: Database) -> None:
        self._database = database

    def tree(self, tree: Tree) -> Sql:
        match tree:
            case And(of=parts):
                return sa.and_(*map(self.tree, parts))
            case Or(of=parts):
                return sa.or_(*map(self.tree, parts))
            case Not(of=part):
                return sa.not_(self.tree(part))
            case Comparison(left=left, operator=how, right=right):
                if how is Operator.EQUAL:
                    for one, other in ((left, right), (right, left)):
                        if isinstance(other.of, Literal) and (path := _attribute(one)):
                            return self._any_of(path, [other.of])
                sides = self._side(left), self._side(right)
                return _joined(self._compared(sides[0], how, sides[1]), *sides)
            case Among(value=value, choices=choices, is_negated=is_negated):
                among = self._among(value, choices)
                return sa.and_(_is_there(self._side(value), or_false=True), sa.not_(among)) if is_negated else among
            case Present(value=value):
                return _is_there(self._side(value), or_false=False)

    def _side(self, value: Value) -> Typed:
        if isinstance(value.of, Literal):
            return _literal(value.of)
        if path := _attribute(value):
            return self._database.json_value(subscribers.c.attributes, path)
        first, *more = path = _own_path(value.of)
        if first in _OWN:
            return Typed() if more else Typed(text=_OWN[first])
        if first == JOINED:
            return self._day_of(subscribers.c.created_at)
        return self._of_list(first, more[0].replace("_", "-")) if first in OF_LISTS else Typed()

    def _of_list(self, what: str, slug: str) -> Typed:
        """Consent to a list, or the day of it."""
        mine = subscriptions.alias()
        is_consent = what == "consent"
        value = Typed(text=mine.c.consent, may_be_blank=False) if is_consent else self._day_of(mine.c.changed_at)
        return replace(value, rows=(_is_theirs(mine), mine.c.list_id == _list_called(slug)))

    def _day_of(self, instant: sa.ColumnElement[datetime]) -> Typed:
        return Typed(text=self._database.day(instant), may_be_blank=False, instant=instant)

    def _any_of(self, path: tuple[str, ...], choices: Sequence[Literal]) -> Sql:
        """Whether an attribute is one of some values."""
        values = [one.value for one in choices if not isinstance(one.value, str) or one.value.strip()]
        return _sure(self._database.json_among(subscribers.c.attributes, path, values)) if values else sa.false()

    def _among(self, value: Value, choices: tuple[Literal, ...] | Name) -> Sql:
        if not isinstance(choices, Name):
            if path := _attribute(value):
                return self._any_of(path, choices)
            side = self._side(value)
            return _joined(sa.or_(*(self._compared(side, Operator.EQUAL, _literal(one)) for one in choices)), side)
        side, (first, *_) = self._side(value), choices.path
        if first == "lists":
            mine, named = subscriptions.alias(), lists.alias()
            listed = _is_theirs(mine), mine.c.consent == Consent.CONFIRMED.value
            if isinstance(value.of, Literal) and side.text is not None:
                return _some(*listed, mine.c.list_id == _list_called(side.text))
            return self._one_of(side, named.c.slug, *listed, mine.c.list_id == named.c.id)
        if first == "received":
            sent = recipients.alias()
            is_theirs = sent.c.address_hash == subscribers.c.address_hash
            accepted = is_theirs, sent.c.state == RecipientState.ACCEPTED.value
            if isinstance(value.of, Literal) and side.text is not None:
                return _some(*accepted, sent.c.issue == side.text)
            return self._one_of(side, sent.c.issue, *accepted)
        path = _own_path(choices)
        if path[0] in _OWN:
            return sa.false()
        items = self._database.json_items(subscribers.c.attributes, path)
        if isinstance(value.of, Literal) and (has := self._has(path, value.of)) is not None:
            return has
        return _some(*side.rows, self._compared(side, Operator.EQUAL, items))

    def _has(self, path: tuple[str, ...], literal: Literal) -> Sql | None:
        if isinstance(literal.value, str) and not literal.value.strip():
            return sa.false()
        has = self._database.json_has(subscribers.c.attributes, path, literal.value)
        return None if has is None else _sure(has)

    def _one_of(self, side: Typed, column: sa.ColumnElement[str], *conditions: Sql) -> Sql:
        if side.text is None:
            return sa.false()
        is_one = self._compared(side, Operator.EQUAL, Typed(text=column, may_be_blank=False))
        return _some(*conditions, *side.rows, is_one)

    def _compared(self, left: Typed, how: Operator, right: Typed) -> Sql:
        """Only what is of the same kind can be compared; truth values are equal or not, and have no order."""
        if left.instant is not None and right.day:
            return _by_day(left.instant, how, right.day)
        if right.instant is not None and left.day:
            return _by_day(right.instant, _SEEN_FROM_THE_RIGHT.get(how, how), left.day)
        found = []
        if left.text is not None and right.text is not None:
            is_one_sure = not (left.may_be_blank and right.may_be_blank)
            unsure = [] if how is Operator.EQUAL and is_one_sure else [one for one in (left, right) if one.may_be_blank]
            ordered = COMPARE[how](self._database.by_code_point(left.text), right.text)
            found.append(sa.and_(ordered, *map(_is_filled, unsure)))
        if left.number is not None and right.number is not None:
            found.append(COMPARE[how](left.number, right.number))
        if left.truth is not None and right.truth is not None and how in (Operator.EQUAL, Operator.UNEQUAL):
            found.append(COMPARE[how](left.truth, right.truth))
        return _sure(sa.or_(*found)) if found else sa.false()


_SEEN_FROM_THE_RIGHT = {
    Operator.LESS: Operator.GREATER, Operator.GREATER: Operator.LESS,
    Operator.AT_MOST: Operator.AT_LEAST, Operator.AT_LEAST: Operator.AT_MOST,
}  # fmt: skip


def _by_day(instant: sa.ColumnElement[datetime], how: Operator, day: date) -> Sql:
    """A day compared without writing out that of every row."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    before, until = (instant < sa.literal(moment, Instant) for moment in (begin, begin + timedelta(days=1)))
    match how:
        case Operator.LESS:
            return before
        case Operator.AT_MOST:
            return until
        case Operator.AT_LEAST:
            return sa.not_(before)
        case Operator.GREATER:
            return sa.not_(until)
    is_equal = sa.and_(sa.not_(before), until)
    return is_equal if how is Operator.EQUAL else sa.not_(is_equal)


def _day(text: str) -> date | None:
    """The day that a text names in exactly the way in which days are written; None for any other."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.isoformat() == text and found < date.max else None


def _own_path(name: Name) -> tuple[str, ...]:
    """The path of a name without the word subscriber."""
    return name.path[1:] if name.path[0] == "subscriber" else name.path


def _attribute(value: Value) -> tuple[str, ...]:
    """The path among the attributes, if a name leads there; else an empty one."""
    if isinstance(value.of, Literal):
        return ()
    path = _own_path(value.of)
    is_other = path == value.of.path and (path[0] in (*OF_LISTS, *COLLECTIONS) or path == (JOINED,))
    return () if is_other or path[0] in _OWN else path


def _is_theirs(mine: sa.FromClause) -> Sql:
    return mine.c.subscriber_id == subscribers.c.id


def _list_called(slug: str | sa.ColumnElement[str]) -> sa.ScalarSelect[int]:
    """The id of a list; the database looks it up once for all subscribers."""
    return sa.select(lists.c.id).where(lists.c.slug == slug).scalar_subquery()


def _joined(condition: Sql, *sides: Typed) -> Sql:
    """The condition, where there are the rows that its sides come from.

    EXISTS rather than a subquery as a value: PostgreSQL makes one join of it.
    """
    rows = [row for side in sides for row in side.rows]
    return _some(*rows, condition) if rows else condition


def _some(*conditions: Sql) -> Sql:
    """Whether there is such a row, of tables other than that of the subscribers."""
    return sa.select(sa.literal(1)).where(*conditions).correlate(subscribers).exists()


def _is_there(side: Typed, *, or_false: bool) -> Sql:
    """Whether there is a value. A truth value counts as what it is, or with `or_false` as a value like any other."""
    found = []
    if side.text is not None:
        found.append(_is_filled(side) if side.may_be_blank else side.text.is_not(None))
    if side.number is not None:
        found.append(side.number.is_not(None))
    if side.truth is not None:
        found.append(side.truth.is_not(None) if or_false else side.truth)
    return _joined(_sure(sa.or_(*found)) if found else sa.false(), side)


def _is_filled(side: Typed) -> Sql:
    assert side.text is not None
    return sa.func.ltrim(side.text, BLANKS) != ""


def _sure(condition: Sql) -> Sql:
    """NULL is false, also below a NOT."""
    return sa.func.coalesce(condition, sa.false(), type_=sa.Boolean)


def _literal(literal: Literal) -> Typed:
    value = literal.value
    if isinstance(value, bool):
        return Typed(truth=sa.true() if value else sa.false())
    if isinstance(value, str):
        return Typed(text=sa.literal(value, sa.Text), may_be_blank=False, day=_day(value)) if value.strip() else Typed()
    return Typed(number=sa.cast(sa.literal(repr(value)), sa.Numeric))
