"""Typed: an SQL value by what it may be. `sqlite` and `postgresql` make those inside JSON, each in its own way."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

Scalar = str | int | float | bool
"""A value that a condition names."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A value as text, as a number and as a truth value: NULL where it is of another kind, None where it always is."""

    text: sa.ColumnElement[Any] | None = None
    number: sa.ColumnElement[Any] | None = None
    truth: sa.ColumnElement[Any] | None = None
    may_be_blank: bool = True
    """Whether the text may be empty or white space."""
    instant: sa.ColumnElement[datetime] | None = None
    """The instant whose day (UTC) the text is."""
    day: date | None = None
    """The day that a text of the condition's own names."""
    rows: tuple[sa.ColumnElement[bool], ...] = ()
    """What chooses the row of another table that the value is in; without such a row there is no value."""
