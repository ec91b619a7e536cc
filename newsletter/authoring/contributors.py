"""Contributors: the authors in people.yaml by id, named in the languages they have; and the `[](@id)` links to them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Discriminator, Field, RootModel, Tag

from newsletter.authoring.fields.explain import read_model
from newsletter.authoring.fields.link_words import misleading_links
from newsletter.authoring.fields.values import Aside, Id, ImagePath, Language, Line, Strict, Url
from newsletter.authoring.files import names_in, read_yaml
from newsletter.authoring.image import ImageFile, image_beside
from newsletter.authoring.parts import Author
from newsletter.language import best_match
from newsletter.problem import Place, Problem, Severity
from newsletter.source import Node, near_miss

FILE = "people.yaml"

_LINK = re.compile(
    r"""\\.                                            # an escaped character begins nothing
      | (?<!`)(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)   # code is shown as it is
      | (?P<link>\[(?P<label>(?:[^\[\]\\]|\\.)*)\]\(@(?P<id>[^()\s]*)\))
      | (?P<broken>\]\(@)                              # the beginning of a link to a contributor that is no link
    """,
    re.VERBOSE | re.DOTALL,
)
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#&~|!])")


class ContributorEntry(Strict):
    """A contributor."""

    name: Annotated[
        Annotated[Line, Tag(":one")] | Annotated[dict[Language, Line], Field(min_length=1), Tag(":languages")],
        Discriminator(lambda value: ":languages" if isinstance(value, dict) else ":one"),
    ]
    """Their name, or one per language: {en: …, zh: …}."""
    url: Url | None = None
    """Profile; their name is linked to it."""
    avatar: ImagePath | None = None
    """A small picture beside people.yaml."""
    bio: (
        Annotated[
            Annotated[Aside, Tag(":one")] | Annotated[dict[Language, Aside], Tag(":languages")],
            Discriminator(lambda value: ":languages" if isinstance(value, dict) else ":one"),
        ]
        | None
    ) = None
    """One sentence, or one per language."""


class ContributorsFile(RootModel[dict[Id, ContributorEntry]]):
    """Contributors, by id."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Contributor:
    """An author in people.yaml. `names` and `bios` are by language; the key is empty for a text of all languages."""

    id: str
    names: Mapping[str, str]
    url: str = ""
    avatar: ImageFile | None = None
    bios: Mapping[str, str] = field(default_factory=dict)
    bio_place: Place | None = None

    def author(self, language: str, fallback: str) -> Author:
        """The author in one language; `fallback` is that of the issue.

        A name of any language is better than none; a bio of a third one is not.
        """
        return Author(
            name=_text(self.names, language, fallback) or next(iter(self.names.values()), ""),
            url=self.url,
            avatar=self.avatar,
            bio=_text(self.bios, language, fallback),
            id=self.id,
        )

    def untranslated(self, language: str, fallback: str) -> Problem | None:
        """The problem of a bio that is missing in a language."""
        if self.bio_place is None or _text(self.bios, language, language):
            return None
        instead = f"the one in {fallback} is shown" if _text(self.bios, language, fallback) else "none is shown"
        message = f"this bio is missing in {language}; {instead}"
        hint = f"Add {language}: to it, or write fallback: allow into the issue."
        return Problem("missing-translation", message, self.bio_place, Severity.WARNING, f"{self.id}.bio", hint)


@dataclass(frozen=True, slots=True)
class ContributorLink:
    """A `[label](@id)` in a text, from `offset` on; `is_whole` is false for the mere beginning of one."""

    offset: int
    id: str
    label: str = ""
    is_whole: bool = True


def load_contributors(file: Path, root: Path) -> tuple[Mapping[str, Contributor], tuple[Problem, ...]]:
    """The contributors in a people.yaml of the project in `root`, also those with problems; and what is wrong with it.

    Raises FileNotFoundError.
    """
    node, problems = read_yaml(file, root)
    if node is None:
        return {}, problems
    model, refused = read_model(ContributorsFile, node)
    problems += (*refused, *misleading_links(node, ContributorsFile))
    if model is None:
        return {id_: Contributor(id_, {"": id_}) for id_ in node.mapping}, problems
    contributors = {}
    for id_, entry in model.root.items():
        avatar = None
        if entry.avatar is not None:
            avatar, problem = read_picture(node.mapping[id_].mapping["avatar"], file.parent, root)
            problems += (problem,) if problem else ()
        bio = node.mapping[id_].mapping["bio"].place if entry.bio else None
        names, bios = _by_language(entry.name), _by_language(entry.bio)
        contributors[id_] = Contributor(id_, names, entry.url or "", avatar, bios, bio)
    return contributors, problems


def read_picture(node: Node, folder: Path, root: Path | None) -> tuple[ImageFile | None, Problem | None]:
    """The image that a value names, or why there is none."""
    try:
        return image_beside(folder, node.text.strip(), root), None
    except FileNotFoundError:
        hint = _similar(node, folder, root)
        return None, node.problem("missing-image", f"there is no image {node.text!r} here", hint=hint)
    except OSError as error:
        return None, node.problem("unreadable-image", f"cannot read the image: {error.strerror or error}")
    except ValueError as error:
        return None, node.problem("bad-image", str(error), hint=getattr(error, "hint", ""))


def contributor_links(text: str) -> Iterator[ContributorLink]:
    """Every link to a contributor in a Markdown text, outside code."""
    for match in _LINK.finditer(text):
        if match["link"]:
            yield ContributorLink(match.start(), match["id"], match["label"])
        elif match["broken"]:
            yield ContributorLink(match.start(), "", is_whole=False)


def link_contributors(text: str, contributors: Mapping[str, Contributor], language: str, fallback: str) -> str:
    """The text with links to contributors made ordinary Markdown links with their names in this language."""

    def link(match: re.Match[str]) -> str:
        if not match["link"] or match["id"] not in contributors:
            return match.group()
        author = contributors[match["id"]].author(language, fallback)
        label = match["label"].strip() or escape_markdown(author.name)
        return f"[{label}](<{author.url}>)" if author.url else label

    return _LINK.sub(link, text)


def escape_markdown(words: str) -> str:
    """Words that Markdown shows as they are; braces too, so that a name is never a merge field."""
    return _MARKDOWN.sub(r"\\\1", " ".join(words.split()))


def _by_language(text: str | Mapping[str, str] | None) -> Mapping[str, str]:
    return text if isinstance(text, Mapping) else {"": text} if text else {}


def _text(texts: Mapping[str, str], language: str, fallback: str) -> str:
    """The text that serves a language, else that of the fallback, else the one of all languages, if there is one.

    One of the same language for another country or in another script serves it too, where none is nearer.
    """
    for wish in (language, fallback):
        kin = [tag for tag in texts if tag.partition("-")[0].lower() == wish.partition("-")[0].lower()]
        if (found := best_match([wish], texts) or next(iter(kin), None)) is not None:
            return texts[found]
    return texts.get("", "")


def _similar(node: Node, folder: Path, root: Path | None) -> str:
    kinds = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif")
    here = [name for name in names_in(folder, root) if name.lower().endswith(kinds)]
    return near_miss(node.text, here) or "An image lies in the folder of the file that names it."
