"""What single values of an issue may be: words, Markdown, links, ids, dates. Models and nouns are made of these types.

A type carries its marks once: `Role` and `Translation`. `shape` and `rewrite` read them for merge
fields, proofreading, translation, the editorial rules and the search for leftover markup.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum, auto
from html import unescape
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from newsletter.authoring.fields.url import MAX_LENGTH, url_fault
from newsletter.errors import ExpressionError
from newsletter.expression import Condition as ExpressionTree
from newsletter.expression import alone_in, collections_in, parse_condition
from newsletter.hostname import direction_control, shows_nothing
from newsletter.language import language_tag
from newsletter.recurrence import is_words, read_words
from newsletter.timezone import is_time_zone


class Role(Enum):
    """What a value is. Of several in one type the last counts: `Annotated[Line, Role.FACT]` is a fact."""

    CODE = auto()
    """For the program: an id, a language, a path. Readers never see it."""
    FACT = auto()
    """Plain words that are the same for every recipient: no merge fields."""
    WORDS = auto()
    """Plain words that may hold merge fields."""
    INLINE = auto()
    """Inline Markdown."""
    MARKDOWN = auto()
    """Paragraphs of Markdown."""
    URL = auto()
    IMAGE = auto()
    """The name of an image file."""
    LITERAL = auto()
    """Shown exactly as it is written: nothing is read in it, neither Markdown nor merge fields."""
    MJML = auto()
    """MJML that becomes a part of the email as it is; its words may hold merge fields."""
    CONTRIBUTOR = auto()
    """An id in people.yaml."""
    CONDITION = auto()
    """For the program: which recipients get something, in the language of `expression`."""


TEXTS = frozenset({Role.FACT, Role.WORDS, Role.INLINE, Role.MARKDOWN})
"""What readers read."""


class Translation(Enum):
    """What a translation owes to a value; `OPTIONAL` for a type without a mark."""

    REQUIRED = auto()
    """Words of its own: missing ones are an error unless `fallback: allow`."""
    EXPECTED = auto()
    """Words of its own: the original's are shown for missing ones, with a warning."""
    OPTIONAL = auto()
    """The original's value serves every language."""
    SAME = auto()
    """No value of its own: it is the same in every language of an issue."""


@dataclass(frozen=True, slots=True)
class Key:
    """The key in the file of a field with another name; empty where its keys are written beside those of its noun."""

    name: str


MAX_SIGNS = 1000
"""Of one sign of Markdown in one text: a parser tries each with every other one after it."""


def crowding_sign(text: str) -> str:
    """The sign of Markdown of which a text holds too many to be parsed in good time; empty when it does not."""
    return next((sign for sign in "[*_`~" if text.count(sign) > MAX_SIGNS), "")


def refused(rule: str, message: str, hint: str = "", **context: object) -> PydanticCustomError:
    """What a check of a value raises. `offset` in the context is where in the text the mistake is."""
    return PydanticCustomError(rule, message, {"hint": hint, **context})


def no_direction_control(value: str) -> None:
    """Refuse characters that show letters in another order than they are written in."""
    if (at := direction_control(value)) >= 0:
        message = "the character U+{code} turns letters round and cannot be seen"
        raise refused("control-character", message, "Delete it.", code=f"{ord(value[at]):04X}", offset=at)


def _one_line(value: str) -> str:
    if "\n" in value:
        raise refused("several-lines", "this must be one line")
    no_direction_control(value)
    return _seen(value).lstrip("\u200b\u2060\ufeff\u00ad \u00a0")


def _seen(value: str) -> str:
    if value and shows_nothing(value):
        hint = "Delete what is between the quotes and write something."
        raise refused("empty-value", "nothing of this can be seen", hint)
    return value


def _readable(value: str) -> str:
    if sign := crowding_sign(value):
        message = "this text holds more than {count} times the sign {sign}"
        raise refused("too-many-signs", message, "Divide it into several texts.", count=MAX_SIGNS, sign=sign)
    _seen(unescape(value))
    return value


def _focus(value: str) -> str:
    """Always as two percentages, from the left and from the top."""
    place = _PLACES.get(value, value)
    match = _PERCENTAGES.fullmatch(place)
    if match is None or max(map(float, match.groups())) > 100:
        hint = f'Write {", ".join(_PLACES)}, or how far from the left and from the top: "30% 20%".'
        raise refused("bad-focus", "this is no place in a picture", hint)
    return " ".join(f"{part}%" for part in match.groups())


def _url(value: str) -> str:
    if fault := url_fault(value):
        raise refused("bad-url", "{fault}", fault.hint, fault=fault.message)
    return value


def _condition(value: str) -> str:
    expression = _expression(value)
    if alone := next(alone_in(expression), None):
        message, hint = "a text or number alone is true of everybody", 'Write language in ["de", "en"].'
        raise refused("bad-condition", message, hint, offset=alone.position)
    if name := next(collections_in(expression), None):
        message, hint = "after in comes a list in brackets", 'Write country in ["DE", "AT"].'
        raise refused("bad-condition", message, hint, offset=name.position)
    return value


def _expression(value: str) -> ExpressionTree:
    try:
        return parse_condition(value)
    except ExpressionError as error:
        raise refused("bad-condition", "{fault}", error.hint, fault=str(error), offset=error.position) from error


def _date(value: object) -> object:
    """A date as ISO 8601 writes it; YAML 1.2 has none of its own."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise refused("bad-date", "there is no such day in the calendar") from None
    if value is None:
        return value
    raise refused("bad-date", "this is not a date", "Write year-month-day, as in 2024-01-25.")


def _moment(value: str) -> str:
    if is_words(value):
        try:
            return read_words(value).text
        except ValueError as error:
            raise refused("bad-time", "this is not a time that recurs", f"{str(error).partition('. ')[2]}.") from None
    try:
        datetime.strptime(value, "%Y-%m-%d %H:%M")  # noqa: DTZ007 - its zone is the key beside it
    except ValueError:
        hint = 'Write day and time, as in 2024-01-25 09:00; or what recurs, as in "every Thursday 09:00".'
        raise refused("bad-time", "this is not a time to send at", hint) from None
    return value


def _wait(value: object) -> object:
    if isinstance(value, str) and (match := _WAIT.fullmatch(value)):
        return int(match[1]) * timedelta(**{f"{match[2]}s": 1})
    if value is None:
        return value
    raise refused("bad-wait", "this is not a wait", "Write 3 days, 12 hours, 1 week or 30 minutes.")


def _zone(value: str) -> str:
    if not is_time_zone(value):
        raise refused("bad-timezone", "there is no such time zone", "A time zone looks like Europe/Berlin or UTC.")
    return value


def _language(value: str) -> str:
    tag = language_tag(value)
    if tag is None:
        raise refused("bad-language", "this is not a language", "A language looks like en, zh or pt-BR.")
    return tag


_PLACES = {"top": "50% 0%", "bottom": "50% 100%", "left": "0% 50%", "right": "100% 50%", "center": "50% 50%"}
_PERCENTAGES = re.compile(r"(\d{1,3}(?:\.\d{1,2})?)% +(\d{1,3}(?:\.\d{1,2})?)%")
_FOCUS_PATTERN = f"^({'|'.join(_PLACES)}|{_PERCENTAGES.pattern})$"
_URL_SCHEMA = {"type": "string", "maxLength": MAX_LENGTH, "pattern": r"^([hH][tT][tT][pP][sS]?://|mailto:|tel:|\{\{)"}
_WAIT = re.compile(r"(\d{1,3}) (minute|hour|day|week)s?")
_TEXT = AfterValidator(_readable)
_LINE = AfterValidator(_one_line)

Line = Annotated[str, Field(min_length=1, max_length=300), _LINE, Role.WORDS, Translation.REQUIRED]
"""Words on one line, no Markdown."""
Plain = Annotated[str, Field(max_length=300), _LINE, Role.WORDS, Translation.EXPECTED]
"""The same; may be empty."""
Name = Annotated[Line, Role.FACT, Translation.OPTIONAL]
"""Of a contributor, a publication, a source."""
Inline = Annotated[str, Field(min_length=1, max_length=5_000), _TEXT, Role.INLINE, Translation.REQUIRED]
"""Inline Markdown."""
Aside = Annotated[str, Field(max_length=5_000), _TEXT, Role.INLINE, Translation.EXPECTED]
"""Inline Markdown; may be empty."""
Markdown = Annotated[str, Field(min_length=1, max_length=50_000), _TEXT, Role.MARKDOWN, Translation.REQUIRED]
Alternative = Annotated[str, Field(max_length=50_000), _TEXT, Role.MARKDOWN, Translation.EXPECTED]
"""Paragraphs of Markdown for readers without the HTML; may be empty."""
Mjml = Annotated[str, Field(min_length=1, max_length=50_000), Role.MJML, Translation.REQUIRED]
"""What it may hold is said by `mjml`."""
Url = Annotated[str, AfterValidator(_url), WithJsonSchema(_URL_SCHEMA), Role.URL]
ID = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$"
Id = Annotated[str, Field(pattern=ID), Role.CODE]
ImagePath = Annotated[str, Field(min_length=1, max_length=300), Role.IMAGE]
"""An image beside the file."""
Focus = Annotated[str, AfterValidator(_focus), WithJsonSchema({"type": "string", "pattern": _FOCUS_PATTERN}), Role.CODE]
"""The place in a picture that cropping keeps."""
Minutes = Annotated[int, Field(ge=1, le=600)]
Day = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
Condition = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_condition), Role.CONDITION]
"""Who gets something: `country == "DE"`."""
Language = Annotated[str, AfterValidator(_language), Role.CODE]
Zone = Annotated[str, AfterValidator(_zone), Role.CODE]
Moment = Annotated[str, AfterValidator(_moment), Role.CODE]
"""Day and time without a zone; or a time that recurs, in words."""

Wait = Annotated[timedelta, BeforeValidator(_wait), WithJsonSchema({"type": "string", "pattern": f"^{_WAIT.pattern}$"})]
"""How long until the next step: 3 days."""


class Strict(BaseModel):
    """No unknown keys, no conversion of types: what looks like a number is no text."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True, str_strip_whitespace=True,
        hide_input_in_errors=True,
    )  # fmt: skip
