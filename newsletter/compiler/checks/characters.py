"""Characters that editors, web pages and conversions leave in a text: entities, mojibake, invisible and wide ones; and
structure that is lost by the way the YAML is written. What is marked as code may hold any of them.
"""

import re
import unicodedata
from collections.abc import Iterator
from html import unescape

from newsletter.authoring.fields.prose import without_code
from newsletter.authoring.fields.values import Role
from newsletter.authoring.proofread import written
from newsletter.authoring.schema import IssueFile
from newsletter.columns import is_wide
from newsletter.hostname import direction_control
from newsletter.language import direction_of
from newsletter.problem import Place, Problem, Severity, named
from newsletter.source import Node, shortened

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_TWICE = re.compile(r"&amp;#?\w{2,32};")
"""In Markdown an entity is read as in HTML; only one that was escaped once more is seen."""

_LATIN = "\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
"""What windows-1252 makes of the second to last byte of a character in UTF-8."""
_CYRILLIC = "\u00a0-\u00bfЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—™љ›њќћџЎўЈҐЁЄЇІіґё№єјЅѕї"
"""The same of windows-1251."""
_GARBLED = re.compile(f"(?:[Â-ß][{_LATIN}]|[à-ï][{_LATIN}]{{2}}|[ð-ô][{_LATIN}]{{3}})+")
_GARBLED_CYRILLIC = re.compile(f"(?:[РС][{_CYRILLIC}]){{3,}}")
_GARBLED_CHINESE = re.compile("锟斤拷|烫烫烫|屯屯屯")
_TYPOGRAPHY = frozenset("“”‘’„‚«»‹›–—…•\u00a0")
"""They may follow a capital letter with an accent."""

_INVISIBLE = re.compile("[\u200b\u200d\u2060\ufeff\ufffc\u3164\u2061-\u2064]")
_NOWHERE = frozenset("\ufeff\ufffc")
_PLAIN_SCRIPTS = frozenset(
    {"LATIN", "GREEK", "CYRILLIC", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "ARMENIAN", "GEORGIAN"}
)
"""Their words hold no joiners; those of other scripts do."""
_FULL_WIDTH = re.compile("[\uff01-\uff5e\u3000-\u3002]+")
_HALF_WIDTH = re.compile(
    r"[\u3040-\u30ff\u4e00-\u9fff][*_~]*(?P<sign>[,;!?:])(?=[*_~]*(?:[\s\u3040-\u30ff\u4e00-\u9fff]|$))"
)
_WIDE = str.maketrans(",;!?:", "，；！？：")
_WIDE_LANGUAGES = frozenset({"zh", "ja", "ko", "yue", "wuu", "nan", "hak", "lzh"})

_ITEM = re.compile(r"(?:[-*+•]|\d{1,3}[.)])[ \t]+\S")
_HEADING = re.compile(r"#{1,6}[ \t]+\S")
_BLOCK = re.compile(r"\|.*\|\s*$|>[ \t]|```|~~~|[-=]{3,}\s*$")


def check_characters(file: Node, language: str, schema: type[IssueFile] = IssueFile) -> Iterator[Problem]:
    """Everything of this kind in one file, which is written in `language`."""
    for role, node in written(file, schema):
        if role in (Role.URL, Role.MJML):
            continue
        is_markdown = role in (Role.INLINE, Role.MARKDOWN)
        text = without_code(node.text, inline=role is Role.INLINE) if is_markdown else node.text
        yield from _entities(node, text, is_markdown=is_markdown)
        yield from _mojibake(node, text)
        yield from _invisible(node, text, language, is_line=not is_markdown)
        yield from _full_width(node, text, language)
        yield from _half_width(node, text, language)
        yield from _lost_lines(node)
        if role is Role.INLINE:
            yield from _joined_lines(node, text)


def _warning(node: Node, rule: str, message: str, offset: int, hint: str) -> Problem:
    return node.problem(rule, message, hint=hint, at=node.place_at(offset), severity=Severity.WARNING)


def _entities(node: Node, text: str, *, is_markdown: bool) -> Iterator[Problem]:
    for match in (_TWICE if is_markdown else _ENTITY).finditer(text):
        entity = match.group().replace("&amp;", "&", 1) if is_markdown else match.group()
        if (sign := unescape(entity)) != entity:
            written_as = sign if sign.isprintable() and not sign.isspace() else named(sign[0])
            message = f"readers would see {entity}: HTML has no meaning here"
            yield _warning(node, "html-entity", message, match.start(), f"Write {written_as} itself.")


def _mojibake(node: Node, text: str) -> Iterator[Problem]:
    if text.isascii():
        return
    for pattern, codec in ((_GARBLED, "cp1252"), (_GARBLED_CYRILLIC, "cp1251")):
        for match in pattern.finditer(text):
            try:
                meant = match.group().encode(codec).decode()
            except UnicodeError:
                continue
            if codec == "cp1251" or len(meant) > 1 or _is_garbled(match):
                message = f"{shortened(match.group())} was {shortened(meant)} before a program misread it"
                yield _warning(node, "mojibake", message, match.start(), f"Write {shortened(meant)}")
    for match in _GARBLED_CHINESE.finditer(text):
        message = f"{match.group()} stands for characters that were lost"
        yield _warning(node, "mojibake", message, match.start(), "Write what belongs here.")
    if (at := text.find("\ufffd")) >= 0:
        message = f"a character was lost here: this is {named(text[at])}"
        yield _warning(node, "mojibake", message, at, "Write what belongs here, and save the file as UTF-8.")


def _is_garbled(match: re.Match[str]) -> bool:
    """Whether a single character in disguise is one: `Ã¤` is, `Ñ”` after an opening quote is not."""
    run, before = match.group(), match.string[: match.start()][-1:]
    if len(run) > 2:
        return run.startswith(("â€", "ð"))
    if run[0] == "Â" and not before.isalpha():
        return True
    if before.isupper():
        return False
    return run[1] not in _TYPOGRAPHY or (run[0] in "ÂÃ" and match.string[match.end() :][:1].isalpha())


def _invisible(node: Node, text: str, language: str, *, is_line: bool) -> Iterator[Problem]:
    if text.isascii():
        return
    found = [m.start() for m in _INVISIBLE.finditer(text) if m.group() in _NOWHERE or _is_in_word(text, m.start())]
    turned = -1 if is_line else direction_control(text)  # in a line `values` refuses it
    if turned >= 0 and direction_of(language) == "ltr" and not any(map(_is_from_the_right, text)):
        found.append(turned)
    for at in sorted(found):
        message = f"here is {named(text[at])}, which cannot be seen"
        yield _warning(node, "invisible-character", message, at, "Delete it.")


def _is_in_word(text: str, at: int) -> bool:
    around = (text[at - 1 : at], text[at + 1 : at + 2])
    return all(char.isalpha() and unicodedata.name(char, "").split()[0] in _PLAIN_SCRIPTS for char in around)


def _is_from_the_right(char: str) -> bool:
    return unicodedata.bidirectional(char) in ("R", "AL")


def _full_width(node: Node, text: str, language: str) -> Iterator[Problem]:
    if language.split("-")[0] in _WIDE_LANGUAGES or text.isascii():
        return
    for match in _FULL_WIDTH.finditer(text):
        before, after = text[: match.start()].rstrip()[-1:], text[match.end() :].lstrip()[:1]
        if not (is_wide(before) or is_wide(after)) and (before or after):
            plain = unicodedata.normalize("NFKC", match.group()).replace("、", ",").replace("。", ".")
            message = f"{named(match.group()[0])} is as wide as a Chinese character"
            yield _warning(node, "full-width", message, match.start(), f"Write {plain.strip() or 'a space'}")


def _half_width(node: Node, text: str, language: str) -> Iterator[Problem]:
    """Chinese and Japanese take full-width punctuation."""
    if language.split("-")[0] not in ("zh", "ja"):
        return
    for match in _HALF_WIDTH.finditer(text):
        message = f"half-width punctuation after {text[max(match.start() - 3, 0) : match.end()]!r}"
        hint = f"Write {match['sign'].translate(_WIDE)}"
        yield _warning(node, "half-width-punctuation", message, match.start("sign"), hint)


def _lost_lines(node: Node) -> Iterator[Problem]:
    """Lists, headings and tables whose line ends YAML takes for spaces."""
    if node.style == "|" or "\n" not in (raw := node.source.text[node.start : node.end]):
        return
    lines = re.split(r"\r\n|\r|\n", raw)
    if node.style == ">":
        lines[0] = ""
    indent = next((len(line) - len(line.lstrip(" ")) for line in lines[1:] if line.strip()), 0)
    items = sum(bool(_ITEM.match(line.strip(" '\""))) for line in lines)
    before, first = "", node.source.place(node.start).line
    for number, line in enumerate(lines):
        words = line.strip(" \t'\"")
        if node.style == ">" and line[:indent].isspace() and line[indent : indent + 1] in (" ", "\t"):
            words = ""  # YAML keeps the ends of lines that are indented further
        is_item = _ITEM.match(words) and (items > 1 or before.endswith((":", "：")))
        if before and words and (is_item or _HEADING.match(words) or _BLOCK.match(words) or _HEADING.match(before)):
            at = Place(node.source.file, first + number, len(line) - len(line.lstrip()) + 1)
            message = "YAML joins this line to the one above it, so that readers see its signs"
            how = "Write | instead of >." if node.style == ">" else "Write the text below a |, without quotes."
            yield node.problem("joined-lines", message, hint=how, at=at, severity=Severity.WARNING)
            return
        before = words


def _joined_lines(node: Node, text: str) -> Iterator[Problem]:
    """The same in a field that is shown on one line, whatever the YAML."""
    lines = text.rstrip().split("\n")
    items = sum(bool(_ITEM.match(line.strip())) for line in lines)
    offset = 0
    for number, line in enumerate(lines):
        words = line.strip()
        is_item = items > 1 and _ITEM.match(words)
        if is_item or (number and (not words or _HEADING.match(words) or _BLOCK.match(words))):
            message = "this is shown on one line: paragraphs, lists and headings are joined"
            hint = "Write one sentence, or put it into a text block."
            at = offset if words else offset + 1
            yield _warning(node, "one-line-field", message, at, hint)
            return
        offset += len(line) + 1
