"""Slots: merge fields become markers; what may not stand where is a problem; nothing of an author is a template."""

from __future__ import annotations

import pytest
from compiling import make_content, rich_content

from newsletter.authoring.blocks.simple.button import ButtonBlock
from newsletter.authoring.blocks.simple.links import LinksBlock, ListItem
from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.authoring.fields.rewrite import rewrite
from newsletter.authoring.fields.values import Role
from newsletter.compiler.edition import SlotKind
from newsletter.compiler.mark import mark
from newsletter.compiler.slots import Slots
from newsletter.errors import ExpressionError


def kinds(slots: Slots, text: str) -> list[SlotKind]:
    return [slot.kind for slot in slots.used_in(text)]


def test_marker_is_letters_and_digits() -> None:
    slots = Slots("0a1b2c")
    marked = slots.mark('Hi {{ subscriber.name | default("there") }}!')
    assert marked.removeprefix("Hi ").removesuffix("!").isalnum()
    assert slots.unmark(marked) == 'Hi {{ subscriber.name | default("there") }}!'


def test_same_field_shares_a_marker() -> None:
    slots = Slots("seed")
    one, two, three = slots.mark("{{ subscriber.name }} {{subscriber.name}} {{ subscriber.city }}").split()
    assert one == two != three


def test_no_marker_begins_another() -> None:
    slots = Slots("seed")
    markers = slots.mark(" ".join(f"{{{{ subscriber.a{number} }}}}" for number in range(120))).split()
    assert not [(a, b) for a in markers for b in markers if a != b and b.startswith(a)]


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://e.example/{{ subscriber.name }}", SlotKind.URL_PART),
        ("https://e.example?x={{ subscriber.name }}", SlotKind.URL_PART),
        ("mailto:a@e.example?subject={{ subscriber.name }}", SlotKind.URL_PART),
        ("{{ link.view }}", SlotKind.URL),
    ],
)
def test_fields_in_urls(url: str, kind: SlotKind) -> None:
    slots = Slots("seed")
    assert kinds(slots, slots.in_url(slots.mark(url))) == [kind]


@pytest.mark.parametrize(
    "url",
    [
        "{{ subscriber.homepage }}",
        "https://{{ subscriber.host }}/",
        "https://e.example{{ subscriber.host }}/",
        "{{ subscriber.scheme }}://e.example/",
        "mailto:{{ subscriber.friend }}",
        "https://e.example/?u={{ link.unsubscribe }}",
    ],
)
def test_fields_that_would_decide_where_a_link_leads_are_refused(url: str) -> None:
    slots = Slots("seed")
    with pytest.raises(ExpressionError):
        slots.in_url(slots.mark(url))


@pytest.mark.parametrize("field", ["issue.secret", "subscriber", "link.other", "subscriber.a.b", "link.view | upper"])
def test_unknown_fields_are_problems(field: str) -> None:
    _, problems = mark(make_content(TextBlock(f"first\nHello {{{{ {field} }}}}")), Slots("seed"))
    assert [(p.id, p.path, p.quote) for p in problems] == [
        ("merge-field", "blocks[0].text", f"Hello {{{{ {field} }}}}")
    ]


def test_field_in_the_title_is_a_problem() -> None:
    _, problems = mark(make_content(title="For {{ subscriber.name }}"), Slots("seed"))
    assert [(p.id, p.path) for p in problems] == [("merge-field", "title")]


def test_bad_url_is_dropped_and_told() -> None:
    content, problems = mark(make_content(ButtonBlock("Go", "javascript:alert(1)")), Slots("seed"))
    button = content.blocks[0]
    assert isinstance(button, ButtonBlock)
    assert button.url == ""
    assert [(p.id, p.path) for p in problems] == [("bad-link", "blocks[0].url")]


def test_rewrite_reaches_every_word_of_the_author() -> None:
    seen: dict[str, Role] = {}

    def look(path: str, role: Role, value: str) -> str:
        seen[path] = role
        return value

    content = rewrite(rich_content(preheader="Before all"), lambda _path, _role, value: value)  # sets every path
    assert rewrite(content, look) == content
    assert seen["title"] is Role.FACT
    assert seen["preheader"] is Role.WORDS
    assert seen["hero.credit"] is Role.INLINE
    assert seen["blocks[0].text"] is Role.MARKDOWN
    assert seen["blocks[2].highlights[0].url"] is Role.URL
    assert seen["blocks[8].button"] is Role.WORDS
    assert seen["closing"] is Role.INLINE


def test_rewrite_changes_what_is_nested() -> None:
    content = rewrite(make_content(LinksBlock((ListItem("one"),))), lambda _path, _role, value: value.upper())
    block = content.blocks[0]
    assert isinstance(block, LinksBlock)
    assert block.items[0].text == "ONE"
    assert content.title == "A TITLE"


def test_jinja_in_the_text_is_left_alone() -> None:
    content, problems = mark(make_content(TextBlock("{% for x in y %} {# no #}")), Slots("seed"))
    assert problems == []
    assert content.blocks[0] == TextBlock("{% for x in y %} {# no #}", path="blocks[0]")
