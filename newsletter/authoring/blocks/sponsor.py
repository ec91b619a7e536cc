"""sponsor: a paid text, with a label that says so."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from newsletter.authoring.block import Assembly, Block, BlockEntry, TextWriter
from newsletter.authoring.fields.values import Day, ImagePath, Key, Line, Markdown, Name, Plain, Translation, Url
from newsletter.authoring.parts import Picture, PictureEntry
from newsletter.columns import wrap

_Label = Annotated[Line, Translation.EXPECTED]


class SponsorEntry(BlockEntry):
    """A paid text. Readers see a label that says so."""

    sponsor: Name
    """Who pays, as readers see it."""
    text: Markdown | None = None
    """What the sponsor says; Markdown."""
    url: Url | None = None
    """Where the name and the image lead."""
    image: ImagePath | None = None
    """An image file beside this file."""
    alt: Plain | None = None
    """What the image shows; "" for mere decoration."""
    label: _Label | None = None
    """In place of "Sponsored" in the language of the issue."""
    until: Annotated[Day, Translation.SAME] | None = None
    """The last day on which the issue may be built or sent, as 2026-12-24."""

    def to_block(self, assembly: Assembly) -> Block:
        picture = PictureEntry(image=self.image, alt=self.alt, url=self.url) if self.image else None
        return SponsorBlock(
            self.sponsor,
            text=self.text or "",
            url=self.url or "",
            picture=picture.picture(assembly.image) if picture else None,
            label=self.label or "",
            until=self.until,
        )


@dataclass(frozen=True, slots=True)
class SponsorBlock(Block):
    name: Annotated[Name, Key("sponsor")]
    text: Markdown = ""
    url: Url = ""
    """Empty where the name is no link."""
    picture: Annotated[Picture | None, Key("")] = None
    label: Line = ""
    """Empty for the word that each language has for it."""
    until: date | None = None
    """The last day in the newsletter's time zone."""

    def to_text(self, writer: TextWriter) -> str:
        label = self.label or writer.t("sponsored")
        head = [wrap(label + writer.t("colon") + writer.isolated(self.name))]
        if self.url:
            head.append(self.url)
        words = f"[{self.picture.alt}]" if self.picture and self.picture.alt else ""
        return writer.section("\n".join(head), wrap(words) if words else "", *writer.paragraphs(self.text))
