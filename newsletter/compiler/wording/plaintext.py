"""Plain text: the text part, written from the issue itself in the order of the mail, not scraped from its HTML.

Links in prose become numbered notes under their paragraph's block; titles, buttons and the footer carry theirs below.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markdown_it.tree import SyntaxTreeNode

from newsletter.authoring.issue import (
    Article,
    Author,
    Block,
    ButtonBlock,
    DividerBlock,
    HeadingBlock,
    HighlightsBlock,
    ImageBlock,
    LinksBlock,
    Picture,
    QuoteBlock,
    TextBlock,
)
from newsletter.authoring.url import normalise_url
from newsletter.columns import WIDTH, columns, is_wide, wrap
from newsletter.compiler.context import Context
from newsletter.compiler.slots import Slots
from newsletter.compiler.wording.markdown import target, tree
from newsletter.compiler.wording.phrases import issue_date
from newsletter.language import isolate

_GLUE = "\u2007"
"""A space at which no line breaks, so that a note stays with its word; a common space in the end.

Not the no-break space, which authors and languages use and which stays.
"""
_TIGHT_GLUE = "\u2060"
"""The same in languages written without spaces; nothing in the end."""


def write_text(context: Context, slots: Slots) -> str:
    """The whole text part; lines of at most 72 columns but for URLs, ending in one line end."""
    writer = _Writer(context, slots)
    sections = [writer.head(), *map(writer.block, context.content.blocks), writer.closing(), writer.footer()]
    return "\n\n".join(section for section in sections if section).replace(_GLUE, " ").replace(_TIGHT_GLUE, "") + "\n"


class _Writer:
    """Writes sections; counts the notes through the whole mail."""

    def __init__(self, context: Context, slots: Slots) -> None:
        self._context = context
        self._slots = slots
        self._glue = _TIGHT_GLUE if context.language.split("-")[0] in ("zh", "ja") else _GLUE
        self._count = 0
        self._notes: list[tuple[int, str]] = []
        """Number and URL of what was linked in the section being written."""

    def head(self) -> str:
        """Newsletter, date and reading time, title, byline, hero."""
        content, t = self._context.content, self._context.t
        facts = [issue_date(content.date, content.language)]
        if content.reading_time:
            facts.append(t("minutes", count=content.reading_time))
        if content.publication:
            facts.append(self._noted(content.publication, content.publication_url))
        parts = [self._context.identity.newsletter, wrap(" · ".join(facts)), _underlined(content.title, "=")]
        if content.subtitle:
            parts.append(wrap(content.subtitle))
        parts.append(self._byline())
        if content.hero:
            parts.append(self._picture(content.hero))
        return self._section(*parts)

    def block(self, block: Block) -> str:
        """One block of the issue; a spacer is nothing."""
        match block:
            case TextBlock():
                return self._section(*self._paragraphs(block.text))
            case HeadingBlock():
                return self._section(_underlined(self._inline(block.heading), "-"))
            case HighlightsBlock():
                return "\n\n".join(self._highlight(item) for item in block.items)
            case LinksBlock():
                items = [wrap(self._inline(item.text), first="* ", rest="  ") for item in block.items]
                return self._section(*items)
            case ImageBlock():
                return self._section(self._picture(block.picture))
            case QuoteBlock():
                quote = wrap(self._inline(block.quote), first="> ", rest="> ")
                by = self._context.t("said_by") + self._isolated(block.by)
                return self._section("\n".join([quote, *([wrap(by, first="> ", rest="> ")] if block.by else [])]))
            case ButtonBlock():
                return f"{wrap(block.label, first='→ ', rest='  ')}\n  {block.url}"
            case DividerBlock():
                return "* * *"
            case _:
                return ""

    def closing(self) -> str:
        """The last line, who signs, and a word on each author."""
        content = self._context.content
        ending = "\n".join(wrap(self._inline(text)) for text in (content.closing, content.signature) if text)
        bios = [wrap(self._inline(author.bio)) for author in content.authors if author.bio]
        return self._section(ending, *bios) if ending or bios else ""

    def footer(self) -> str:
        """Why this mail came, how to leave, who sends it."""
        identity, links, t = self._context.identity, self._context.links, self._context.t
        lines = ["-" * WIDTH, wrap(t("why", newsletter=self._isolated(identity.newsletter))), ""]
        lines += [self._named(t("unsubscribe"), links.unsubscribe), self._named(t("view"), links.view)]
        if identity.contact:
            lines.append(self._named(t("contact"), identity.contact_text))
        if identity.imprint_url:
            lines.append(self._named(t("imprint"), identity.imprint_url))
        sender = filter(None, (identity.legal_name, " ".join(identity.postal_address.split())))
        address = self._isolated(", ".join(map(self._isolated, sender)))  # a foreign address, its name before it
        return "\n".join([*lines, *(["", wrap(address)] if address else [])])

    def _byline(self) -> str:
        content, t = self._context.content, self._context.t
        lines = []
        alone = content.authors[0] if len(content.authors) == 1 else None
        if content.authors:
            lines.append(wrap(t("by") + (self._isolated(alone.name) if alone else self._names(content.authors))))
        if alone and alone.url:
            lines.append(self._named(t("follow"), alone.url))
        if content.source:
            lines.append(self._named(t("original"), content.source.url))
        return "\n".join(lines)

    def _highlight(self, item: Article | Picture) -> str:
        if isinstance(item, Picture):
            return self._section(self._picture(item))
        t = self._context.t
        facts = []
        if item.authors:
            facts.append(t("by") + self._names(item.authors))
        if item.reading_time:
            facts.append(t("minutes", count=item.reading_time))
        if item.label:
            facts.append(self._isolated(item.label))
        head = [wrap(item.title, first="* ", rest="  ")]
        if item.url:
            head.append(f"  {item.url}")
        if facts:
            head.append(wrap(" · ".join(facts), first="  ", rest="  "))
        picture = self._picture(item.picture) if item.picture else ""
        summary = [_indented(part, "  ") for part in self._paragraphs(item.summary, width=WIDTH - 2)]
        return self._section(picture, "\n".join(head), *summary, indent="  ")

    def _picture(self, picture: Picture) -> str:
        parts = [wrap(f"[{picture.alt}]")] if picture.alt else []
        if picture.url:
            parts.append(picture.url)
        caption, credit = self._inline(picture.caption), self._inline(picture.credit)
        gap = " " if caption and credit and not is_wide(caption[-1]) else ""
        if caption or credit:
            parts.append(wrap(caption + gap + credit))
        return "\n".join(parts)

    def _names(self, authors: Sequence[Author]) -> str:
        t, names = self._context.t, ""
        for number, author in enumerate(authors):
            if number:
                after = t("last") if number == len(authors) - 1 else t("comma")
                names += t("two") if len(authors) == 2 else after
            names += self._noted(author.name, author.url)
        return names

    def _paragraphs(self, text: str, width: int = WIDTH) -> list[str]:
        return list(self._nodes(tree(text, inline=False).children, width))

    def _nodes(self, nodes: Sequence[SyntaxTreeNode], width: int) -> Iterator[str]:
        """Each block-level piece of Markdown as lines."""
        for node in nodes:
            match node.type:
                case "paragraph" | "inline":
                    yield "\n".join(wrap(line, width=width) for line in self._spans(node).split("\n"))
                case "heading":
                    yield _underlined(self._spans(node), "-")
                case "bullet_list" | "ordered_list":
                    yield "\n".join(self._list(node, width))
                case "blockquote":
                    yield _indented("\n\n".join(self._nodes(node.children, width - 2)), "> ")
                case "fence" | "code_block":
                    yield _indented(node.content.rstrip("\n"), "    ")
                case "hr":
                    yield "* * *"

    def _list(self, node: SyntaxTreeNode, width: int) -> Iterator[str]:
        number = int(node.attrs.get("start", 1))
        for item in node.children:
            sign = f"{number}. " if node.type == "ordered_list" else "- "
            number += 1
            body = "\n\n".join(self._nodes(item.children, width - len(sign)))
            yield sign + _indented(body, " " * len(sign)).removeprefix(" " * len(sign))

    def _inline(self, text: str) -> str:
        return re.sub(r"[ \t\n]+", " ", self._spans(tree(text, inline=True))).strip()

    def _spans(self, node: SyntaxTreeNode) -> str:
        """The words of a node with a note after each link; hard line breaks stay."""
        match node.type:
            case "softbreak":
                return node.content or " "
            case "hardbreak":
                return "\n"
            case "link":
                return self._link(node)
        if node.is_root or node.children:
            return "".join(map(self._spans, node.children))
        return str(node.content)

    def _link(self, node: SyntaxTreeNode) -> str:
        words = "".join(map(self._spans, node.children))
        url = target(str(node.attrs.get("href", "")), self._slots)
        if not url or normalise_url(words) == url or f"mailto:{words}" == url:
            return words
        return self._noted(words, url)

    def _named(self, name: str, url: str) -> str:
        """A link on a line of its own."""
        return name + self._context.t("colon") + url

    def _isolated(self, words: str) -> str:
        return isolate(words, self._context.language)

    def _noted(self, words: str, url: str) -> str:
        return self._isolated(words) + (self._note(url) if url else "")

    def _note(self, url: str) -> str:
        known = next((number for number, noted in self._notes if noted == url), 0)
        if not known:
            self._count += 1
            known = self._count
            self._notes.append((known, url))
        return f"{self._glue}[{known}]"

    def _section(self, *parts: str, indent: str = "") -> str:
        """The parts with empty lines between them, and the notes they made at the end."""
        notes = "\n".join(f"{indent}[{number}] {url}" for number, url in self._notes)
        self._notes = []
        return "\n\n".join(part for part in (*parts, notes) if part)


def _underlined(title: str, sign: str) -> str:
    lines = wrap(title)
    return f"{lines}\n{sign * max(map(columns, lines.splitlines()))}"


def _indented(text: str, by: str) -> str:
    return "\n".join((by + line).rstrip() for line in text.split("\n"))
