"""The YAML of an issue as strict models, around the `blocks` that it lists. Read by `explain`.

`json_schema` exports the same models for editors; the sentences under the fields are what an editor shows beside them.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

from pydantic import Discriminator, Field, Tag, create_model

from newsletter.authoring.block import BlockEntry
from newsletter.authoring.blocks import BLOCKS, AnyBlock, any_block
from newsletter.authoring.fields.values import (
    Aside,
    Day,
    Id,
    Inline,
    Language,
    Line,
    Minutes,
    Moment,
    Name,
    Plain,
    Role,
    Strict,
    Translation,
    Url,
    Zone,
)
from newsletter.authoring.parts import Authors, PictureEntry

MAX_BLOCKS = 200

_ListName = Annotated[Line, Role.CODE, Translation.OPTIONAL]
_MaybeName = Annotated[Plain, Role.FACT, Translation.OPTIONAL]
"""A name; may be empty."""


class SourceEntry(Strict):
    """Where this issue first appeared."""

    title: _MaybeName | None = None
    """Title of the original."""
    url: Url
    """Link to the original."""


class PublicationEntry(Strict):
    """Where this issue is published."""

    name: Name
    """As readers see it."""
    url: Url | None = None
    """The name is linked to it."""


Publication = Annotated[
    Annotated[_MaybeName, Tag(":name")] | Annotated[PublicationEntry, Tag(":publication")],
    Discriminator(lambda value: ":publication" if isinstance(value, dict) else ":name"),
]
"""A name, or a name with its link."""


class SendEntry(Strict):
    """When and to whom the issue is sent; options of the command line come first."""

    list: Annotated[
        Annotated[_ListName, Tag(":one")]
        | Annotated[list[_ListName], Field(min_length=1, max_length=50), Tag(":several")],
        Discriminator(lambda value: ":several" if isinstance(value, list) else ":one"),
    ]
    """The list, or lists, it goes to."""
    at: Moment | None = None
    """When: 2024-01-25 09:00; or in turn with the other issues that say the same: every Thursday 09:00."""
    timezone: Zone | None = None
    """The time zone of `at`; default: the newsletter's."""
    segment: Annotated[str, Field(min_length=1, max_length=1000), Role.CODE] | None = None
    """Which of the lists' subscribers: a name in segments.yaml, or an expression. Default: all of them."""


class CorrectionEntry(Strict):
    """What was wrong in the issue when it was sent; stands above its web page."""

    date: Annotated[Day, Translation.SAME]
    """The day of the correction, as 2024-01-26."""
    text: Annotated[Inline, Translation.EXPECTED]
    """What is right, in inline Markdown without merge fields."""
    id: Id | None = None
    """Its name, for translations."""


class IssueFile(Strict):
    """One issue of the newsletter."""

    title: Annotated[Line, Role.FACT]
    """The title, plain words."""
    subtitle: Plain | None = None
    """A line below the title."""
    subject: Annotated[Line, Translation.EXPECTED] | None = None
    """What an inbox shows; default: the title. Merge fields are allowed."""
    preheader: Plain | None = None
    """What an inbox shows after the subject. Merge fields are allowed."""
    date: Annotated[Day, Translation.SAME]
    """The date of the issue, as 2024-01-25."""
    language: Language
    """The language this file is written in: en, zh, pt-BR."""
    author: Authors | None = None
    """An id in people.yaml, a list of ids, or name, url and avatar in place."""
    reading_time: Minutes | None = None
    """Minutes."""
    publication: Publication | None = None
    """Where it is published: a name, or name and url."""
    source: SourceEntry | None = None
    """Where it first appeared: the "original" link."""
    hero: PictureEntry | None = None
    """The picture at the top."""
    theme: Id = "default"
    """A theme in templates/themes."""
    layout: Id = "default"
    """A layout in templates/layouts."""
    blocks: Annotated[list[AnyBlock], Field(min_length=1, max_length=MAX_BLOCKS)]
    """The issue itself, in order. The first key of a block names its type."""
    closing: Aside | None = None
    """The last line, such as "Until the next one,"."""
    signature: Aside | None = None
    """Who signs."""
    fallback: Literal["allow", "refuse"] = "refuse"
    """Whether what a translation lacks may be shown in the issue's own language."""
    send: Annotated[SendEntry, Translation.SAME] | None = None
    """To whom and when."""
    sent: Annotated[Day, Translation.SAME] | None = None
    """The day on which it was sent, if it was sent already: it is only archived."""
    corrections: Annotated[list[CorrectionEntry], Field(max_length=50)] | None = None
    """What was wrong when it was sent, the newest first; shown by the archive."""


_SUPPLIED = ("language", "author", "theme", "closing", "signature", "send")
"""The keys of an issue that `defaults.yaml` may have."""


def _defaults_file() -> type[Strict]:
    """Their types are those of the issue; none of them is required."""
    hints = get_type_hints(IssueFile, include_extras=True)
    keys: dict[str, Any] = {
        key: (Annotated[hints[key] | None, Field(description=IssueFile.model_fields[key].description)], None)
        for key in _SUPPLIED
    }
    return create_model("DefaultsFile", __base__=Strict, __doc__="What issues have that do not say it.", **keys)


if TYPE_CHECKING:
    DefaultsFile = Strict
else:
    DefaultsFile = _defaults_file()
"""The YAML of defaults.yaml."""


def issue_file(types: Mapping[str, type[BlockEntry]]) -> type[IssueFile]:
    """The model of an issue whose blocks may also be of these types, which a project adds."""
    return _issue_file(tuple(types.items())) if types else IssueFile


@lru_cache(maxsize=16)
def _issue_file(types: tuple[tuple[str, type[BlockEntry]], ...]) -> type[IssueFile]:
    listed: Any = list
    blocks: Any = Annotated[
        listed[any_block({**BLOCKS, **dict(types)})],
        Field(min_length=1, max_length=MAX_BLOCKS, description=IssueFile.model_fields["blocks"].description),
    ]
    return create_model("IssueFile", __base__=IssueFile, __doc__=IssueFile.__doc__, blocks=(blocks, ...))
