"""image: a picture on its own."""

from dataclasses import dataclass
from typing import Annotated

from newsletter.authoring.block import Assembly, Block, BlockEntry, TextWriter
from newsletter.authoring.fields.values import Key
from newsletter.authoring.parts import Picture, PictureEntry


class ImageEntry(PictureEntry, BlockEntry):
    """A picture on its own."""

    def to_block(self, assembly: Assembly) -> Block:
        return ImageBlock(self.picture(assembly.image))


@dataclass(frozen=True, slots=True)
class ImageBlock(Block):
    picture: Annotated[Picture, Key("")]

    def to_text(self, writer: TextWriter) -> str:
        return writer.section(writer.picture(self.picture))
