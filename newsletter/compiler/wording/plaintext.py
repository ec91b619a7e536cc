"""Plain text: the text part, written from the issue in the order of the email, not extracted from its HTML.

Links in prose become numbered notes under their paragraph's block; titles, buttons and the footer carry theirs below.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from markdown_it.tree import SyntaxTreeNode

from newsletter.authoring.block import Block
from newsletter.authoring.fields.prose import read_prose
from newsletter.authoring.fields.url import normalise_url
from newsletter.authoring.parts import Author, Picture
from newsletter.columns import WIDTH, columns, indented, underlined, wrap
from newsletter.compiler.conditions.formulas import ALWAYS
from newsletter.compiler.context import Context
from newsletter.compiler.slots import Slots
from newsletter.compiler.wording.markdown import cells, target
from newsletter.compiler.wording.phrases import issue_date, phrase
from newsletter.language import direction_of, isolate

_GLUE = "\u2007"
"""A space at which no line breaks, so that a note stays with its word; a common space in the end.

Not the no-break space, which authors and languages use and which stays.
"""
_TIGHT_GLUE = "\u2060"
"""The same in languages written without spaces; nothing in the end."""


_BESIDE = "\u2063"
"""Around the number of a note, which takes no room; gone in the end."""
_NUMBER = re.compile(f"{_BESIDE}(\\d+){_BESIDE}")


def write_text(context: Context, slots: Slots, formulas: Mapping[str, str] | None = None) -> str:
    """The whole text part; lines of at most 72 columns but for URLs, ending in one line end.

    `formulas`: of the blocks that not everybody gets, by path; they stand between the markers of their regions.
    """
    writer = _Writer(context, slots, formulas or {})
    head = writer.head()
    blocks = writer.parts(context.content.blocks)
    sections = [(ALWAYS, head), *blocks, (ALWAYS, writer.closing()), (ALWAYS, writer.footer())]
    whole = writer.joined(sections).replace(_GLUE, " ").replace(_TIGHT_GLUE, "") + "\n"
    return _NUMBER.sub(lambda number: slots.note(int(number[1])) if formulas else number[1], whole)


def write_notice(context: Context, slots: Slots) -> str:
    """The text part of a notice: name, title, blocks, why it came, who sends it."""
    writer = _Writer(context, slots, {})
    content, leave = context.content, context.links.unsubscribe
    why = [wrap(writer.inline(content.closing)), *([writer.named(writer.t("unsubscribe"), leave)] if leave else [])]
    head = writer.section(context.identity.newsletter, underlined(content.title, "="))
    return writer.joined([(ALWAYS, head), *writer.parts(content.blocks), (ALWAYS, writer.sender(why))]) + "\n"


class _Writer:
    """Writes sections; counts the notes through the whole email. Blocks see it as their `TextWriter`."""

    def __init__(self, context: Context, slots: Slots, formulas: Mapping[str, str]) -> None:
        self._context = context
        self._slots = slots
        self._formulas = formulas
        self._glue = _TIGHT_GLUE if context.language.split("-")[0] in ("zh", "ja") else _GLUE
        self._count = 0
        self._notes: list[tuple[int, str | SyntaxTreeNode]] = []
        """Number, and URL or footnote, of what was marked in the section being written."""
        self._footnotes: dict[int, SyntaxTreeNode] = {}
        """Of the text being written, by the numbers they have in it."""

    @property
    def view(self) -> str:
        return self._context.links.view

    def t(self, key: str, **values: object) -> str:
        return phrase(key, self._context.language, **values)

    def head(self) -> str:
        """Newsletter, date and reading time, title, byline, hero."""
        content, t = self._context.content, self.t
        is_dated = "/" not in self._context.issue  # an issue of a series comes at any time
        facts = [issue_date(content.date, content.language)] if is_dated else []
        if content.reading_time:
            facts.append(t("minutes", count=content.reading_time))
        if content.publication:
            facts.append(self._noted(content.publication, content.publication_url))
        parts = [self._home(), *([wrap(" · ".join(facts))] if facts else []), underlined(content.title, "=")]
        if content.subtitle:
            parts.append(wrap(content.subtitle))
        parts.append(self._byline())
        if content.hero:
            parts.append(self.picture(content.hero))
        return self.section(*parts)

    def blocks(self, blocks: Sequence[Block]) -> str:
        return self.joined(self.parts(blocks))

    def parts(self, blocks: Sequence[Block]) -> list[tuple[str, str]]:
        """Formula and text of each block."""
        return [(self._formulas.get(block.path, ALWAYS), block.to_text(self)) for block in blocks]

    def joined(self, parts: Sequence[tuple[str, str]]) -> str:
        """Parts with empty lines between them; one that is hidden takes its empty line with it."""
        whole, is_first = "", True
        for formula, text in parts:
            if not text:
                continue
            between = f"{text}\n\n" if is_first and formula else text if is_first else f"\n\n{text}"
            region = self._slots.region(formula) if formula else None
            whole += f"{region.marker}{between}{region.end}" if region else between
            is_first = is_first and region is not None
        return whole

    def _home(self) -> str:
        """The newsletter's name and its front page."""
        return "\n".join(filter(None, (self._context.identity.newsletter, self._context.links.home)))

    def closing(self) -> str:
        """The last line, who signs, and a word on each author."""
        content = self._context.content
        ending = "\n".join(wrap(self.inline(text)) for text in (content.closing, content.signature) if text)
        bios = [wrap(self.inline(author.bio)) for author in content.authors if author.bio]
        return self.section(ending, *bios) if ending or bios else ""

    def footer(self) -> str:
        """Why this email came, how to unsubscribe, who sends it."""
        identity, links, t = self._context.identity, self._context.links, self.t
        lines = [wrap(t("why", newsletter=self.isolated(identity.newsletter)))]
        lines += [self.named(t("forwarded"), links.home), ""]
        return self.sender([*lines, self.named(t("unsubscribe"), links.unsubscribe), self.named(t("view"), links.view)])

    def sender(self, above: Sequence[str]) -> str:
        """A line across, lines of the footer, and who sends the email."""
        identity, t, lines = self._context.identity, self.t, ["-" * WIDTH, *above]
        if identity.contact:
            lines.append(self.named(t("contact"), identity.contact_text))
        if identity.imprint_url:
            lines.append(self.named(t("imprint"), identity.imprint_url))
        sender = filter(None, (identity.legal_name, " ".join(identity.postal_address.split())))
        address = self.isolated(", ".join(map(self.isolated, sender)))  # a foreign address, its name before it
        return "\n".join([*lines, *(["", wrap(address)] if address else [])])

    def _byline(self) -> str:
        content, t = self._context.content, self.t
        lines = []
        if content.authors:
            lines.append(wrap(t("by") + self.names(content.authors)))
        if content.source:
            lines.append(self.named(t("original"), content.source.url))
        return "\n".join(lines)

    def picture(self, picture: Picture) -> str:
        parts = [wrap(f"[{picture.alt}]")] if picture.alt else []
        if picture.url:
            parts.append(picture.url)
        caption, credit = self.inline(picture.caption), self.inline(picture.credit)
        if caption and credit:  # as in the HTML: a caption that is no sentence is kept apart by a dot
            caption += "" if caption[-1] in "。！？」" else " " if caption[-1] in ".!?…”»؟" else " · "
        if caption or credit:
            parts.append(wrap(caption + credit))
        return "\n".join(parts)

    def names(self, authors: Sequence[Author]) -> str:
        t, names = self.t, ""
        for number, author in enumerate(authors):
            if number:
                after = t("last") if number == len(authors) - 1 else t("comma")
                names += t("two") if len(authors) == 2 else after
            names += self._noted(author.name, author.url)
        return names

    def paragraphs(self, text: str, width: int = WIDTH) -> list[str]:
        root = SyntaxTreeNode(read_prose(text, inline=False).tokens)
        self._footnotes = {node.meta["number"]: node for node in root.walk() if node.type == "note"}
        return list(self._nodes(root.children, width))

    def _nodes(self, nodes: Sequence[SyntaxTreeNode], width: int) -> Iterator[str]:
        """Each block-level piece of Markdown as lines."""
        for node in nodes:
            match node.type:
                case "paragraph" | "inline":
                    yield "\n".join(wrap(line, width=width) for line in self._spans(node).split("\n"))
                case "heading":
                    yield underlined(self._spans(node), "-" if node.tag in ("h1", "h2") else ".")
                case "bullet_list" | "ordered_list":
                    yield "\n".join(self._list(node, width))
                case "blockquote":
                    yield indented("\n\n".join(self._nodes(node.children, width - 2)), "> ")
                case "fence" | "code_block":
                    yield indented("\n".join(map(self._code, node.content.rstrip("\n").split("\n"))), "    ")
                case "table":
                    yield self._table(node, width)
                case "hr":
                    yield "* * *"

    def _list(self, node: SyntaxTreeNode, width: int) -> Iterator[str]:
        number = int(node.attrs.get("start", 1))
        for item in node.children:
            sign = f"{number}. " if node.type == "ordered_list" else "- "
            number += 1
            body = "\n\n".join(self._nodes(item.children, width - len(sign)))
            yield sign + indented(body, " " * len(sign)).removeprefix(" " * len(sign))

    def _table(self, node: SyntaxTreeNode, width: int) -> str:
        """Aligned columns; where they do not fit, each row below the other with the words of the head."""
        rows = [[" ".join(self._spans(cell).split()) for cell in row] for row in cells(node)]
        widest = [max(map(columns, column)) for column in zip(*rows, strict=True)]
        if sum(widest) + 2 * (len(widest) - 1) > width:
            head, *others = rows
            named = ([self.named(name, cell) if name else cell for name, cell in zip(head, row, strict=True) if cell]
                     for row in others)  # fmt: skip
            lines = ("\n".join(wrap(line, rest="  ", width=width) for line in row) for row in named)
            return "\n\n".join(lines) or wrap(" · ".join(head), width=width)
        sides = [str(cell.attrs.get("style", "")) for cell in cells(node)[0]]
        rows.insert(1, ["-" * size for size in widest])
        return "\n".join("  ".join(map(_aligned, row, widest, sides)).rstrip() for row in rows)

    def _code(self, code: str) -> str:
        """Code is read from the left, among words of any direction."""
        return f"\u2066{code}\u2069" if code and direction_of(self._context.language) == "rtl" else code

    def inline(self, text: str) -> str:
        return re.sub(r"[ \t\n]+", " ", self._spans(SyntaxTreeNode(read_prose(text, inline=True).tokens))).strip()

    def _spans(self, node: SyntaxTreeNode) -> str:
        """The words of a node with a note after each link; hard line breaks stay."""
        match node.type:
            case "softbreak":
                return node.content or " "
            case "hardbreak":
                return "\n"
            case "link":
                return self._link(node)
            case "note_mark":
                return self._note(self._footnotes[node.meta["number"]])
            case "s":
                return "~" + "".join(map(self._spans, node.children)) + "~"
            case "code_inline":
                return self._code(node.content)
            case "image":
                return self.isolated(f"[{''.join(map(self._spans, node.children))}]")
        if node.is_root or node.children:
            return "".join(map(self._spans, node.children))
        return str(node.content)

    def _link(self, node: SyntaxTreeNode) -> str:
        words = "".join(map(self._spans, node.children))
        url = target(str(node.attrs.get("href", "")), self._slots)
        if not url or url in (normalise_url(words), f"mailto:{words}", f"tel:{words}", f"http://{words}"):
            return words
        return self._noted(words, url)

    def named(self, name: str, url: str) -> str:
        """A link on a line of its own."""
        return name + self.t("colon") + url

    def isolated(self, words: str) -> str:
        return isolate(words, self._context.language)

    def _noted(self, words: str, url: str) -> str:
        return self.isolated(words) + (self._note(url) if url else "")

    def _note(self, noted: str | SyntaxTreeNode) -> str:
        known = next((number for number, other in self._notes if other == noted), 0)
        if not known:
            self._count += 1
            known = self._count
            self._notes.append((known, noted))
        return f"{self._glue}[{_BESIDE}{known}{_BESIDE}]"

    def section(self, *parts: str, indent: str = "") -> str:
        """The parts with empty lines between them, and the notes they made at the end."""
        notes = []
        for number, noted in self._notes:  # grows: a footnote may hold links
            sign = f"{indent}[{_BESIDE}{number}{_BESIDE}] "
            if isinstance(noted, str):
                notes.append(sign + noted)
                continue
            room = columns(sign)
            body = "\n\n".join(self._nodes(noted.children, WIDTH - room))
            notes.append(sign + indented(body, " " * room).removeprefix(" " * room))
        self._notes = []
        return "\n\n".join(part for part in (*parts, "\n".join(notes)) if part)


def _aligned(cell: str, width: int, side: str) -> str:
    """A cell with spaces on the side that it is aligned from."""
    gap = width - columns(cell)
    left = gap if side.endswith("right") else gap // 2 if side.endswith("center") else 0
    return " " * left + cell + " " * (gap - left)
