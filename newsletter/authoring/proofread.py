"""proofread: every text, link, contributor and image of a file → problems at the exact place.

Works on the tree, so that a misspelt key elsewhere hides nothing; what a value is comes from the types of the models.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from html import unescape

from newsletter.authoring.contributors import FILE as PEOPLE
from newsletter.authoring.contributors import Contributor, contributor_links
from newsletter.authoring.fields.link_words import HINT, misleading
from newsletter.authoring.fields.mjml import HREF, links_in, mjml_faults, pictures_named
from newsletter.authoring.fields.prose import blanked, picture_name, pictures_in, without_code
from newsletter.authoring.fields.shape import shape_of, walk
from newsletter.authoring.fields.url import url_fault
from newsletter.authoring.fields.values import ID, TEXTS, Role, Strict, crowding_sign
from newsletter.authoring.schema import IssueFile
from newsletter.errors import ExpressionError
from newsletter.expression import FIELD, LITERAL, names_in, parse_condition, parse_field, unlike
from newsletter.problem import Problem, Severity
from newsletter.source import Node, near_miss, shortened
from newsletter.source.characters import KEY, explain

ALWAYS_KNOWN = frozenset({"email"})
"""Every subscriber has it."""
SUBSCRIBER = frozenset({"name", "email", "language", "timezone"})
LINKS = frozenset({"unsubscribe", "view"})

MAX_LENGTH = 50_000
"""Characters. The schema refuses longer texts; they are not looked at."""

_ADDRESS = re.compile(r"(?<!mailto:)\{\{\s*subscriber\.email\b[^{}]*\}\}")
_FIELD_HINT = f'A merge field looks like {{{{ subscriber.name | default("there") }}}}. {LITERAL}'
_BEGUN = re.compile(r"(?<!\\)\{\{")
_ENTITY = re.compile(r"&#?\w+;")
"""Markdown reads these in the target of a link (CommonMark 2.5)."""
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TARGET = re.compile(
    r"!\[[^\[\]]*\]\([^()\n]*\)"
    r"|\]\(\s*(?P<target><[^<>\n]*>|(?:\{\{[^{}]*\}\}|[^\s()]|\([^\s()]*\))+)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class References:
    """What a text may refer to."""

    contributors: Mapping[str, Contributor]
    attributes: frozenset[str]
    """Attributes that the personas have, beside the ones every subscriber may have."""
    picture: Callable[[Node], Problem | None]
    """Reads an image; the problem when it cannot be read."""
    looks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """`theme` and `layout` → the names that exist; without them any name passes."""


def proofread(root: Node, references: References, schema: type[Strict] = IssueFile) -> Iterator[Problem]:
    """Everything wrong with the texts, links, contributors and images of one file."""
    yield from _looks(root, references)
    for shape, node in walk(root, shape_of(schema)):
        name = node.text.strip()
        if shape.role is Role.CONTRIBUTOR and re.match(ID, name) and name not in references.contributors:
            yield _unknown_contributor(node, name, references.contributors, 0)
        elif shape.role is Role.CONDITION:
            yield from _condition(node, references.attributes)
        elif shape.role is Role.IMAGE and name and (problem := references.picture(node)):
            yield problem
        elif node.text and len(node.text) <= MAX_LENGTH:
            yield from _text(shape.role, node, references)
            yield from _wrong_colon(node)


def _wrong_colon(node: Node) -> Iterator[Problem]:
    """A key whose colon YAML takes for a letter, so that it reads a text in place of a mapping."""
    match = None if node.style else KEY.match(node.text)
    if match and match["key"] in _keys():
        message, hint = explain(node.text[match.start("colon")].strip(":") or node.text[match.end("colon")])
        yield node.problem("wrong-character", message, hint=hint, at=node.place_at(match.start("colon")))


@cache
def _keys() -> frozenset[str]:
    """Every key that an issue may have anywhere."""
    found: set[str] = set()
    waiting = [shape_of(IssueFile)]
    while waiting:
        shape = waiting.pop()
        waiting += [inner for key, inner in shape.all_fields.items() if key not in found]
        waiting += [shape.inner] if shape.inner else []
        found |= shape.all_fields.keys()
    return frozenset(found)


def written(root: Node, schema: type[IssueFile] = IssueFile) -> Iterator[tuple[Role, Node]]:
    """The texts and links of one file, each with its role; without those that the schema refuses as too long."""
    for shape, node in walk(root, shape_of(schema)):
        if (
            shape.role
            and (shape.role in TEXTS or shape.role in (Role.URL, Role.MJML))
            and node.text
            and len(node.text) <= MAX_LENGTH
            and not crowding_sign(node.text)
        ):
            yield shape.role, node


def wordless_pictures(root: Node, schema: type[IssueFile] = IssueFile) -> Iterator[Problem]:
    """Pictures without alternative text, and MJML without text. Takes a merged tree: the original's counts for a
    translation too."""
    for shape, node in walk(root, shape_of(schema)):
        image = node.mapping.get("image")
        if image is not None and image.text.strip() and "alt" in shape.fields(node) and "alt" not in node.mapping:
            hint = 'Describe it in a sentence; for mere decoration write alt: "".'
            yield image.problem("missing-alt", "this picture has no alt text", hint=hint)
        mjml, own = node.mapping.get("mjml"), shape.fields(node).get("mjml")
        if mjml is not None and own and own.role is Role.MJML and "text" not in node.mapping:
            hint = 'Write under text: what it says, in Markdown; for mere decoration write text: "".'
            message = "this MJML says nothing in the text part"
            yield mjml.problem("missing-text", message, hint=hint, at=mjml.key_place)


def _looks(root: Node, references: References) -> Iterator[Problem]:
    for key, known in references.looks.items():
        node = root.mapping.get(key)
        if node is not None and (name := node.text.strip()) and name not in known:
            hint = f"{near_miss(name, known)} There are: {', '.join(known)}.".strip()
            yield node.problem(f"missing-{key}", f"there is no {key} {shortened(name)!r}", hint=hint)


def _text(role: Role | None, node: Node, references: References) -> Iterator[Problem]:
    prose = node.text
    if role in (Role.INLINE, Role.MARKDOWN):
        prose = without_code(node.text, inline=role is Role.INLINE)
        yield from _contributor_links(node, references.contributors)
        yield from _targets(node, prose)
    if role is Role.MARKDOWN:
        yield from _pictures(node, references)
    if role is Role.MJML:
        yield from _mjml(node, references)
    if role is Role.FACT:
        yield from _no_fields(node)
    elif role in TEXTS or role in (Role.URL, Role.MJML):
        yield from _fields(node, prose, references.attributes, needs_default=role is not Role.URL)
    if role is Role.URL:
        yield from _addresses(node, node.text, 0)


def _condition(node: Node, attributes: frozenset[str]) -> Iterator[Problem]:
    """Names in a condition that mean nothing, and comparisons that are never true."""
    if node.value is None:
        yield node.problem("empty-value", "nothing is written here; it must be a condition")
    try:
        condition = parse_condition(node.text)
    except ExpressionError:  # the schema reports it
        return
    known = sorted(SUBSCRIBER | attributes)
    for name in names_in(condition):
        place, path = node.place_at(name.position), ".".join(name.path)
        if len(name.path) > 2 or (len(name.path) == 2 and name.path[0] != "subscriber"):
            hint = f"There are {', '.join(known)}."
            yield node.problem("bad-condition", f"there is no {path!r} to compare", hint=hint, at=place)
        elif name.path[-1] not in known:
            hint = near_miss(name.path[-1], known) or (
                f'Give a persona this attribute if subscribers have it, or quote it if it is a text: "{path}".'
            )
            message = f"no persona has the attribute {name.path[-1]!r}"
            yield node.problem("unknown-attribute", message, hint=hint, at=place, severity=Severity.WARNING)
    for literal in unlike(condition):
        message = "what is known of subscribers is text, which is never equal to this"
        hint = f'Quote it: "{node.text[literal.position :].split()[0].rstrip(")],")}".'
        at = node.place_at(literal.position)
        yield node.problem("never-true", message, hint=hint, at=at, severity=Severity.WARNING)


def _contributor_links(node: Node, contributors: Mapping[str, Contributor]) -> Iterator[Problem]:
    for link in contributor_links(node.text):
        if not link.is_whole:
            hint = "Write [](@id), or [words](@id)."
            message = "this link to a contributor is not complete"
            yield node.problem("bad-person-link", message, hint=hint, at=node.place_at(link.offset))
        elif link.id not in contributors:
            yield _unknown_contributor(node, link.id, contributors, link.offset)
        elif found := misleading(link.label, contributors[link.id].url):
            at = node.place_at(link.offset)
            yield node.problem("misleading-link", found.message, hint=HINT, at=at, severity=found.severity)


def _unknown_contributor(node: Node, name: str, contributors: Mapping[str, Contributor], offset: int) -> Problem:
    hint = near_miss(name, contributors) or f"Add {name}: to {PEOPLE}, or write the name without a link."
    return node.problem("unknown-person", f"{name!r} is not in {PEOPLE}", hint=hint, at=node.place_at(offset))


def _targets(node: Node, prose: str) -> Iterator[Problem]:
    """Links inside Markdown; `prose` is the text with spaces in place of code."""
    comments = [comment.span() for comment in _COMMENT.finditer(prose)]  # a problem of their own
    for match in _TARGET.finditer(blanked(prose, comments)):
        target = node.text[slice(*match.span("target"))].strip("<>")
        if not target or target.startswith("@"):
            continue
        fault = url_fault(_ENTITY.sub(lambda entity: unescape(entity.group()), target))
        if fault is not None:
            place = node.place_at(match.start("target"))
            yield node.problem("bad-url", f"{fault.message} ({target})", hint=fault.hint, at=place)
        yield from _addresses(node, target, match.start("target"))


def _pictures(node: Node, references: References) -> Iterator[Problem]:
    """Pictures inside Markdown: a file beside the issue, with words for those who cannot see it."""
    for picture in pictures_in(node.text):
        place = node.place_at(picture.meta["start"])
        if not picture.content.strip():
            hint = "Describe it between the brackets, as in ![A red door](door.png)"
            yield node.problem("missing-alt", "this picture has no alt text", hint=hint, at=place)
        if problem := references.picture(replace(node, value=picture_name(picture))):
            yield node.problem(problem.id, problem.message, hint=problem.hint, at=place)


def _mjml(node: Node, references: References) -> Iterator[Problem]:
    """MJML of the author's own: what is wrong with it, its pictures, and addresses in its links."""
    for fault in mjml_faults(node.text):
        yield node.problem(fault.id, fault.message, hint=fault.hint, at=node.place_at(fault.at))
    for picture in pictures_named(node.text):
        if problem := references.picture(replace(node, value=picture.name)):
            yield node.problem(problem.id, problem.message, hint=problem.hint, at=node.place_at(picture.start))
    for words, url, start in links_in(node.text):
        if found := misleading(words, url):
            at = node.place_at(start)
            yield node.problem("misleading-link", found.message, hint=HINT, at=at, severity=found.severity)
    for link in HREF.finditer(node.text):
        yield from _addresses(node, link["url"], link.start("url"))


def _addresses(node: Node, url: str, start: int) -> Iterator[Problem]:
    """Merge fields in a URL that put the reader's address there; `start` is where the URL begins in the value."""
    for match in _ADDRESS.finditer(url):
        message = "this puts each reader's address into a link, and so into logs of servers and browsers"
        hint = "Delete it, or use an attribute that does not identify the reader."
        place = node.place_at(start + match.start())
        yield node.problem("address-in-url", message, hint=hint, at=place, severity=Severity.WARNING)


def _no_fields(node: Node) -> Iterator[Problem]:
    for match in FIELD.finditer(node.text):
        message = "a merge field cannot be used here: this text is the same for every recipient"
        yield node.problem("merge-field", message, hint=LITERAL, at=node.place_at(match.start()))


def _fields(node: Node, prose: str, attributes: frozenset[str], *, needs_default: bool) -> Iterator[Problem]:
    """Merge fields that do not parse, have an unknown name, or lack a default."""
    for match in FIELD.finditer(prose):
        place = node.place_at(match.start())
        try:
            field = parse_field(node.text[slice(*match.span("source"))])
        except ExpressionError as error:
            if error.position:
                place = node.place_at(match.start("source") + error.position)
            yield node.problem("merge-field", str(error), hint=error.hint or _FIELD_HINT, at=place)
            continue
        kind, name = field.path[0], ".".join(field.path[1:])
        if kind == "link" and name in LINKS:
            continue
        known = SUBSCRIBER | attributes
        if kind != "subscriber" or len(field.path) != 2:
            everything = [*(f"subscriber.{key}" for key in sorted(known)), *(f"link.{key}" for key in sorted(LINKS))]
            hint = near_miss(".".join(field.path), everything) or f"There are {', '.join(everything)}. {_FIELD_HINT}"
            yield node.problem("merge-field", f"there is no {'.'.join(field.path)!r} to show", hint=hint, at=place)
            continue
        if name not in known:
            hint = near_miss(name, known) or "Give a persona this attribute if subscribers have it."
            message = f"no persona has the attribute {name!r}"
            yield node.problem("unknown-attribute", message, hint=hint, at=place, severity=Severity.WARNING)
        if needs_default and not field.has_default and name not in ALWAYS_KNOWN:
            message = f"subscriber.{name} is not known of every subscriber; the email would have a gap here"
            hint = f'Give it a default: {{{{ {field.source} | default("…") }}}}'
            yield node.problem("missing-default", message, hint=hint, at=place)
    if begun := _BEGUN.search(FIELD.sub(lambda match: " " * len(match.group()), prose)):
        at = node.place_at(begun.start())
        yield node.problem("merge-field", "this merge field is not closed", hint=_FIELD_HINT, at=at)
