"""What single values of the YAML may be: words, links, ids, dates, languages. The models are made of them."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from newsletter.authoring.url import MAX_LENGTH, url_fault
from newsletter.language import language_tag
from newsletter.timezone import is_time_zone

MAX_SIGNS = 1000
"""Of one sign of Markdown in one text: a parser tries each with every other one after it."""


def crowding_sign(text: str) -> str:
    """The sign of Markdown of which a text holds too many to be parsed in good time; empty when it does not."""
    return next((sign for sign in "[*_`" if text.count(sign) > MAX_SIGNS), "")


def _one_line(value: str) -> str:
    if "\n" in value:
        raise PydanticCustomError("several-lines", "this must be one line")
    return value


def _readable(value: str) -> str:
    if sign := crowding_sign(value):
        message = "this text holds more than {count} times the sign {sign}"
        context = {"count": MAX_SIGNS, "sign": sign, "hint": "Divide it into several texts."}
        raise PydanticCustomError("too-many-signs", message, context)
    return value


def _url(value: str) -> str:
    fault = url_fault(value)
    if fault is not None:
        raise PydanticCustomError("bad-url", "{message}", {"message": fault.message, "hint": fault.hint})
    return value


def _date(value: object) -> object:
    """A date as ISO 8601 writes it; YAML 1.2 leaves it to us."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError("bad-date", "there is no such day in the calendar") from None
    if value is None:
        return value
    raise PydanticCustomError("bad-date", "this is not a date", {"hint": "Write year-month-day, as in 2024-01-25."})


def _moment(value: str) -> str:
    try:
        datetime.strptime(value, "%Y-%m-%d %H:%M")  # noqa: DTZ007 - its zone is the key beside it
    except ValueError:
        hint = "Write day and time, as in 2024-01-25 09:00."
        raise PydanticCustomError("bad-time", "this is not a time to send at", {"hint": hint}) from None
    return value


def _zone(value: str) -> str:
    if not is_time_zone(value):
        hint = "A time zone looks like Europe/Berlin or UTC."
        raise PydanticCustomError("bad-timezone", "there is no such time zone", {"hint": hint})
    return value


def _language(value: str) -> str:
    tag = language_tag(value)
    if tag is None:
        hint = "A language looks like en, zh or pt-BR."
        raise PydanticCustomError("bad-language", "this is not a language", {"hint": hint})
    return tag


_URL_SCHEMA = {"type": "string", "maxLength": MAX_LENGTH, "pattern": r"^([hH][tT][tT][pP][sS]?://|mailto:|\{\{)"}

Line = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_one_line)]
"""Words on one line, no Markdown."""
Plain = Annotated[str, Field(max_length=300), AfterValidator(_one_line)]
"""The same; may be empty."""
Inline = Annotated[str, Field(min_length=1, max_length=5_000), AfterValidator(_readable)]
"""Inline Markdown."""
Aside = Annotated[str, Field(max_length=5_000), AfterValidator(_readable)]
"""Inline Markdown; may be empty."""
Markdown = Annotated[str, Field(min_length=1, max_length=50_000), AfterValidator(_readable)]
Url = Annotated[str, AfterValidator(_url), WithJsonSchema(_URL_SCHEMA)]
ID = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$"
Id = Annotated[str, Field(pattern=ID)]
ImagePath = Annotated[str, Field(min_length=1, max_length=300)]
"""An image beside the file."""
Minutes = Annotated[int, Field(ge=1, le=600)]
Day = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
Language = Annotated[str, AfterValidator(_language)]
Zone = Annotated[str, AfterValidator(_zone)]
Moment = Annotated[str, AfterValidator(_moment)]
"""Day and time without a zone."""


class Strict(BaseModel):
    """No unknown keys, no conversion of types: what looks like a number is no text."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True, str_strip_whitespace=True,
        hide_input_in_errors=True,
    )  # fmt: skip
