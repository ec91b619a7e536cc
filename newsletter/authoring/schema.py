"""What the YAML of an issue may say, as strict models, around the `blocks` that it lists. Read by `explain`.

`json_schema` exports the same models for editors; the sentences under the fields are what an editor shows beside them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, RootModel, Tag

from newsletter.authoring.blocks import (
    BLOCKS,
    ArticleEntry,
    AuthorEntry,
    Authors,
    BlockEntry,
    LinkEntry,
    PictureEntry,
)
from newsletter.authoring.values import Aside, Day, Id, Language, Line, Minutes, Moment, Plain, Strict, Url, Zone


class SourceEntry(Strict):
    """Where this issue first appeared."""

    title: Plain | None = None
    """Title of the original."""
    url: Url
    """Link to the original."""


class PublicationEntry(Strict):
    """Where this issue is published."""

    name: Line
    """As readers see it."""
    url: Url | None = None
    """The name is linked to it."""


Publication = Annotated[
    Annotated[Plain, Tag(":name")] | Annotated[PublicationEntry, Tag(":publication")],
    Discriminator(lambda value: ":publication" if isinstance(value, dict) else ":name"),
]
"""A name, or a name with its link."""


TAGGED: dict[str, type[Strict]] = {
    **{f":{name}": model for name, model in BLOCKS.items()},
    ":inline": AuthorEntry, ":article": ArticleEntry, ":picture": PictureEntry, ":item": LinkEntry,
    ":publication": PublicationEntry,
}  # fmt: skip
"""Which model a tag in the location of an error stands for."""


class SendEntry(Strict):
    """What the issue says about its own sending; the command line may say otherwise."""

    list: Annotated[
        Annotated[Line, Tag(":one")] | Annotated[list[Line], Field(min_length=1, max_length=50), Tag(":several")],
        Discriminator(lambda value: ":several" if isinstance(value, list) else ":one"),
    ]
    """The list, or lists, it goes to."""
    at: Moment | None = None
    """When: 2024-01-25 09:00."""
    timezone: Zone | None = None
    """The time zone of `at`; default: the newsletter's."""


class IssueFile(Strict):
    """One issue of the newsletter."""

    title: Line
    """The title, plain words."""
    subtitle: Plain | None = None
    """A line below the title."""
    subject: Line | None = None
    """What an inbox shows; default: the title. Merge fields are allowed."""
    preheader: Plain | None = None
    """What an inbox shows after the subject. Merge fields are allowed."""
    date: Day
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
    blocks: Annotated[list[BlockEntry], Field(min_length=1, max_length=200)]
    """The issue itself, in order. The first key of a block names its type."""
    closing: Aside | None = None
    """The last line, such as "Until the next one,"."""
    signature: Aside | None = None
    """Who signs."""
    fallback: Literal["allow", "refuse"] = "refuse"
    """Whether what a translation lacks may be shown in the issue's own language."""
    send: SendEntry | None = None
    """To whom and when."""


AnyModel = type[BaseModel]


def known_keys(model: AnyModel) -> tuple[str, ...]:
    """The keys that a mapping of this kind may have."""
    return tuple(model.model_fields)


def nested_model(model: AnyModel, key: str) -> AnyModel | None:
    """The model of what stands under a key, where there is only one."""
    field = model.model_fields.get("root" if issubclass(model, RootModel) else key)
    found = list(_models_in(field.annotation)) if field else []
    return found[0] if len(found) == 1 else None


def _models_in(annotation: Any) -> list[AnyModel]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]
