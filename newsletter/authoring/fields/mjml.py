"""mjml: an author's own MJML → everything wrong with it, each at its place, and the pictures that it names.

mjml-python takes unknown elements, attributes and wrong nesting without a word: the table beside this says what there
is.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from newsletter.authoring.fields.url import url_fault
from newsletter.expression import FIELD

SECTIONS = ("mj-section", "mj-wrapper", "mj-hero")
"""What stands beside the sections of an email; all else belongs into a column."""
_VOID = frozenset({"area", "br", "col", "hr", "img", "wbr"})
_FOR_PICTURES = {"mj-section": "background-url", "mj-wrapper": "background-url", "mj-hero": "background-url",
                 "mj-image": "src", "img": "src"}  # fmt: skip
"""Element → the attribute that names its picture, a file of the author."""
_LOADING = frozenset({"src", "background-url", "background", "srcset", "ping", "longdesc"})
"""Attributes that make an email program load something, or tell a site of a click."""
_IN_STYLE = re.compile(r"(?i)\b(?:url|image|image-set|src|expression)\s*\(|@import|\\")
"""What loads a picture in CSS; a backslash could hide it."""
_WORDS = frozenset({"href", "alt", "title"})
"""Attributes that are never CSS."""
_WITH_FIELDS = frozenset({"href", "alt", "title"})
"""Attributes in which merge fields may stand: in others a value could become code."""
HREF = re.compile(r"""(?P<before>\shref=)(?P<quote>["'])(?P<url>[^"']*)(?P=quote)""", re.IGNORECASE)
"""A link of a tag."""
_LINK = re.compile(
    r"""<(?P<tag>a|mj-button)\b[^<>]*?\shref=(?P<quote>["'])(?P<url>[^"']*)(?P=quote)[^<>]*>(?P<words>.*?)</(?P=tag)\b""",
    re.IGNORECASE | re.DOTALL,
)
_PICTURE = re.compile(
    "|".join(rf"<{tag}\b[^<>]*?\s{name}=" for tag, name in _FOR_PICTURES.items()).join(("(?:", ")"))
    + r"""(?P<quote>["'])(?P<url>[^"']*)(?P=quote)""",
    re.IGNORECASE,
)
_WIDTH = re.compile(r"""\swidth=["'](\d+)(?:px)?["']""")
_WELL_FORMED = re.compile(r"""<[A-Za-z][\w:.-]*(?:\s+[\w:.@-]+(?:=(?:"[^"<>]*"|'[^'<>]*'))?)*\s*/?>""")
_BARE = re.compile(r"<(?![A-Za-z/!])")
_UNKNOWN = {"holds": "html"}
"""For an unknown element: what is in it is not reported again."""
_REMOTE = re.compile(r"(?i)\s*(?:https?:|[/\\]{2}|data:)")
_OUTLOOK = re.compile(r"\[if\b[^\]<>]*\]>(?P<held>.*)<!\[endif\]", re.DOTALL)
"""The comment that only Outlook reads, without its `<!--` and `-->`."""
_NOT_OUTLOOK = re.compile(r"\[if\b[^\]<>]*\]>(?:<!(?:--\s*)?)?")
"""The comment before what Outlook skips; behind that stands `_NOT_OUTLOOK_END`."""
_NOT_OUTLOOK_END = "<![endif]"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a piece of MJML."""

    id: str
    message: str
    at: int
    """Which character of the text."""
    hint: str = ""


def mjml_faults(text: str) -> Iterator[Fault]:
    """Everything wrong with the MJML of a block, in its order."""
    reader = _Reader(text)
    yield from sorted(reader.faults, key=lambda fault: fault.at)


def links_in(text: str) -> Iterator[tuple[str, str, int]]:
    """Words and URL of each link, and where it begins."""
    for link in _LINK.finditer(text):
        words = re.sub(r"<[^<>]*>", "", link["words"])
        yield " ".join(unescape(words).split()), unescape(link["url"]), link.start()


def has_sections(text: str) -> bool:
    """Whether it stands beside the sections of the email, and not in a column of one."""
    return bool(re.search(rf"<(?:{'|'.join(SECTIONS)})\b", text, re.IGNORECASE))


@dataclass(frozen=True, slots=True)
class NamedPicture:
    """A picture beside the file that names it. `start` and `end` are characters of the text, of the name alone."""

    name: str
    start: int
    end: int
    width: int | None
    """CSS pixels that it is shown in; None where it does not say."""


def pictures_named(text: str) -> Iterator[NamedPicture]:
    """The pictures of a piece of MJML that are files of its author."""
    for match in _PICTURE.finditer(text):
        name = unescape(match["url"]).strip()
        if name and not _REMOTE.match(name):
            tag = text[match.start() : text.find(">", match.end())]
            width = _WIDTH.search(tag)
            yield NamedPicture(name, *match.span("url"), int(width[1]) if width else None)


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


class _Reader(HTMLParser):
    """Reads tags with those around them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=False)
        self.faults: list[Fault] = []
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._open: list[tuple[str, int]] = []
        self._kinds: dict[bool, str] = {}
        self._skipped: list[int] = []
        self.feed(FIELD.sub(lambda field: re.sub("[\"'<>]", "_", field.group()), text))  # each sign keeps its place
        self.close()
        for tag, at in self._open:
            self._fault(f"<{tag}> is never closed", at, f"Write </{tag}> where it ends.")
        for at in self._skipped:
            hint = "Write <!--<![endif]--> behind what Outlook skips."
            self._fault("what Outlook skips never ends, so it would skip the rest of the email", at, hint)

    @property
    def _at(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def _fault(self, message: str, at: int, hint: str = "", rule: str = "mjml") -> None:
        self.faults.append(Fault(rule, message, at, hint))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._begin(tag, attrs)
        if tag not in _VOID:
            self._open.append((tag, self._at))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._begin(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1][0] == tag:
            self._open.pop()
            return
        if any(opened == tag for opened, _ in self._open):
            while self._open[-1][0] != tag:
                opened, at = self._open.pop()
                self._fault(f"<{opened}> is not closed before </{tag}>", at, f"Write </{opened}> where it ends.")
            self._open.pop()
        else:
            self._fault(f"</{tag}> closes nothing", self._at, "Delete it.")

    def handle_data(self, data: str) -> None:
        if match := _BARE.search(data):
            self._fault("a bare < must be written &lt;", self._at + match.start())
        elif (at := data.find("<!--")) >= 0:
            self._unended(self._at + at)
        if data.strip() and self._holds != "html":
            at = self._at + len(data) - len(data.lstrip())
            where = f"<{self._open[-1][0]}> holds no words" if self._open else "words stand in no element"
            self._fault(f"{where}: they would be lost", at, "Put them into <mj-text>.")

    def handle_comment(self, data: str) -> None:
        if (match := _OUTLOOK.fullmatch(data)) and "<!--" not in data:
            self.faults += _Outlook(match["held"], self._at + len("<!--") + match.start("held")).faults
        elif _NOT_OUTLOOK.fullmatch(data):
            self._skipped.append(self._at)
        elif data == _NOT_OUTLOOK_END and self._skipped:
            self._skipped.pop()
        elif data.startswith("[if"):
            self._unended(self._at)
        else:
            hint = "Write comments as YAML: a line that begins with # outside the text."
            self._fault("readers would get this comment in the source of the email", self._at, hint, "html-comment")

    def _unended(self, at: int) -> None:
        hint = "A condition for Outlook looks like <!--[if mso]>…<![endif]-->."
        self._fault("this comment does not end: it would hide what follows, the link to unsubscribe too", at, hint)

    def handle_decl(self, decl: str) -> None:  # noqa: ARG002
        self._no_markup_but_tags()

    def unknown_decl(self, data: str) -> None:  # noqa: ARG002
        self._no_markup_but_tags()

    def handle_pi(self, data: str) -> None:  # noqa: ARG002
        self._no_markup_but_tags()

    def _no_markup_but_tags(self) -> None:
        self._fault("only tags and words can be used here", self._at, "Delete it.")

    @property
    def _holds(self) -> str:
        """What may stand here: `mjml`, `html` or nothing."""
        parents = [tag for tag, _ in self._open if tag.startswith("mj-")]
        return str(_table()["element"].get(parents[-1], _UNKNOWN).get("holds", "")) if parents else "mjml"

    def _begin(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        source, at = self.get_starttag_text() or "", self._at
        (self._begin_mjml if tag.startswith("mj") else self._begin_html)(tag, attrs, at)
        for name, value in attrs:
            there = at + max(source.lower().find(f"{name}="), 0)
            self._attribute(tag, name, value or "", there)
        if not _WELL_FORMED.fullmatch(source):
            hint = 'Write each attribute as name="value", in quotes and without spaces; write &gt; for >.'
            self._fault("this tag cannot be read", at, hint)
        elif tag.startswith("mj") and not source.startswith(f"<{tag}"):
            self._fault(f"<{tag}> is written in small letters", at)

    def _begin_mjml(self, tag: str, attrs: list[tuple[str, str | None]], at: int) -> None:
        elements = _table()["element"]
        if tag not in elements:
            hint = f"There are {', '.join(elements)}."
            if tag in ("mjml", "mj-body", "mj-head", "mj-include", "mj-style", "mj-attributes", "mj-font", "mj-class"):
                hint = "It belongs to the whole email, which templates make."
            self._fault(f"a block cannot hold <{tag}>", at, hint)
            return
        parent = self._open[-1][0] if self._open else ""
        if parent not in elements[tag]["in"]:
            hint = " or ".join(f"into <{one}>" if one else "at the top" for one in elements[tag]["in"])
            where = f"in <{parent}>" if parent else "at the top"
            self._fault(f"<{tag}> cannot stand {where}", at, f"Put it {hint}.")
        if not parent and tag != "mj-raw":
            self._kinds.setdefault(tag in SECTIONS, tag)
            if len(self._kinds) == 2:
                hint = "Put it into a column of a section, or into a block of its own."
                self._fault(f"<{tag}> cannot stand beside <{self._kinds[tag not in SECTIONS]}>", at, hint)
                del self._kinds[tag in SECTIONS]
        known = {*_table()["every"], *elements[tag]["attributes"]}
        for name, _ in attrs:
            if name not in known:
                there = at + max((self.get_starttag_text() or "").lower().find(name), 0)
                self._fault(f"<{tag}> has no attribute {name}", there, f"It has {', '.join(sorted(known))}.")
        self._picture(tag, attrs, at)

    def _begin_html(self, tag: str, attrs: list[tuple[str, str | None]], at: int) -> None:
        if tag not in _table()["html"]:
            hint = f"Delete it. There are {', '.join(_table()['html'])}."
            self._fault(f"<{tag}> cannot be used here: email programs remove it", at, hint)
        elif self._holds != "html":
            where = f"in <{self._open[-1][0]}>" if self._open else "at the top"
            self._fault(f"<{tag}> cannot stand {where}", at, "Put it into <mj-text>, <mj-table> or <mj-raw>.")
        self._picture(tag, attrs, at)

    def _picture(self, tag: str, attrs: list[tuple[str, str | None]], at: int) -> None:
        if tag not in ("mj-image", "img"):
            return
        if "alt" not in dict(attrs):
            hint = 'Describe it in a sentence; for mere decoration write alt="".'
            self._fault("this picture has no alt text", at, hint, "missing-alt")
        if not (dict(attrs).get("src") or "").strip():
            hint = 'Write the name of a file beside the issue: src="picture.png".'
            self._fault(f"<{tag}> names no picture", at, hint, "bad-image")

    def _attribute(self, tag: str, name: str, value: str, at: int) -> None:
        self.faults += _attribute_faults(tag, name, value, at)
        if FIELD.search(value) and name not in _WITH_FIELDS:
            message = (
                f"a merge field cannot be used in {name}: only among words and in {', '.join(sorted(_WITH_FIELDS))}"
            )
            self._fault(message, at, "", "merge-field")
        if tag.startswith("mj") and re.fullmatch(r"(?:inner-)?padding", name) and re.match(r"\s*0\s", value):
            self._fault(f'{name}="{value}" begins with a bare 0', at, "Write 0px.")


def _attribute_faults(tag: str, name: str, value: str, at: int) -> Iterator[Fault]:
    """What no attribute may do, for whatever email program."""
    if name.startswith("on"):
        yield Fault("mjml", f"{name} would run a script, which email programs remove", at, "Delete it.")
    if name == "href" and (fault := url_fault(value)) and not value.startswith("#"):
        yield Fault("bad-url", f"{fault.message} ({value})", at, fault.hint)
    if _FOR_PICTURES.get(tag) == name:
        if _REMOTE.match(value):
            hint = "Save it beside the issue and write its name."
            yield Fault("bad-image", "a picture on another site tells that site who reads", at, hint)
    elif (name in _LOADING and value) or (name not in _WORDS and _IN_STYLE.search(value)):
        hint = "A picture behind words is the background-url of an <mj-section>, <mj-wrapper> or <mj-hero>."
        yield Fault("bad-image", f"{name} could tell another site who reads: it can hold no address", at, hint)


class _Outlook(HTMLParser):
    """Reads what only Outlook gets: tags that need not fit, with VML among them; it loads and runs nothing either."""

    def __init__(self, text: str, start: int) -> None:
        super().__init__(convert_charrefs=False)
        self.faults: list[Fault] = []
        self._start, self._lines = start, [0, *(match.end() for match in re.finditer("\n", text))]
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line, column = self.getpos()
        at = self._start + self._lines[line - 1] + column
        if tag not in _table()["html"] and not re.match(r"[vow]:", tag):
            message = f"<{tag}> cannot be used here: email programs remove it"
            self.faults.append(Fault("mjml", message, at, "Delete it."))
        for name, value in attrs:
            self.faults += _attribute_faults("", name, value or "", at)
