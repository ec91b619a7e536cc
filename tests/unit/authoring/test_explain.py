from __future__ import annotations

import pytest

from newsletter.authoring.blocks import BLOCKS
from newsletter.authoring.fields.explain import read_model
from newsletter.authoring.schema import IssueFile
from newsletter.problem import Problem
from newsletter.source import parse_source

HEAD = "title: T\ndate: 2024-01-25\nlanguage: en\n"


def problems_of(blocks: str, head: str = HEAD) -> list[Problem]:
    root, problems = parse_source(f"{head}blocks:\n{blocks}".encode(), "f.yaml")
    assert problems == ()
    assert root is not None
    return list(read_model(IssueFile, root)[1])


GOOD = {
    "text": "text: a", "heading": "heading: a", "highlights": "highlights: [{title: a}]",
    "links": "links: [a, {text: b}]",
    "image": "image: a.png\n    alt: b", "quote": "quote: a\n    by: b", "button": "button: a\n    url: https://a.example",
    "divider": "divider:", "spacer": "spacer: 12",
    "sponsor": "sponsor: a\n    text: b\n    url: https://a.example\n    image: a.png\n    alt: c\n"
    "    until: 2026-12-24",
    "read_more": "read_more: a", "callout": "callout: a\n    title: b",
    "columns": "columns: [{blocks: [{text: a}]}, {blocks: [{text: b}], width: 2}]",
    "mjml": 'mjml: "<mj-text>a</mj-text>"',
    "numbers": 'numbers: [{number: 42, label: a}, {number: "1,234", label: b}]',

    "code": "code: |\n      a\n    language: Python\n    caption: b",
}  # fmt: skip


@pytest.mark.parametrize("name", BLOCKS)
def test_every_block_type_is_accepted_with_an_id_before_or_after(name: str) -> None:
    block = GOOD[name]
    assert problems_of(f"  - {block}\n    id: x\n") == []
    assert problems_of(f"  - id: x\n    {block}\n") == []


@pytest.mark.parametrize(
    ("block", "rule", "message", "hint"),
    [
        ("highlihgts: []", "unknown-block", "there is no block type 'highlihgts'", "Did you mean 'highlights'?"),
        ("ad: Sample", "unknown-block", "there is no block type 'ad'", "Did you mean 'sponsor'?"),
        ("pre: a", "unknown-block", "there is no block type 'pre'", "Did you mean 'code'?"),
        ("CTA: a", "unknown-block", "there is no block type 'CTA'", "Did you mean 'button'?"),
        ("hr:", "unknown-block", "there is no block type 'hr'", "Did you mean 'divider'?"),
        ("Pull-Quote: a", "unknown-block", "there is no block type 'Pull-Quote'", "Did you mean 'quote'?"),
        ("quote: a\n    author: b", "unknown-key", "there is no key 'author' here", "Did you mean 'by'?"),
        ("button: a\n    href: https://a.example", "unknown-key", "there is no key 'href' here", "Did you mean 'url'?"),
        ("code: a\n    lang: b", "unknown-key", "there is no key 'lang' here", "Did you mean 'language'?"),
        ('code: "  \\n"', "empty-value", "nothing is written here", ""),
        ('code: "a\\u2067b"', "control-character",
         "the character U+2067 turns letters round and cannot be seen", "Delete it."),
        ("numbers: [{number: 3.10, label: a}]", "wrong-type", "this must be text, not a number (3.10)",
         'Quote this text: "3.10"'),
        ("numbers: [{number: a}]", "missing-key", "'label' is missing", ""),
        ('sponsor: a\n    label: ""', "empty-value", "nothing is written here", ""),
        ("xyz: 1", "unknown-block", "there is no block type 'xyz'", f"The types are {', '.join(BLOCKS)}."),
        ("url: a\n    button: b", "unknown-block", "the first key of a block names its type, and 'url' is none",
         "Put 'button' first."),
        ("id: a", "unknown-block", "this block has no type", f"Its first key is one of {', '.join(BLOCKS)}."),
        ("just words", "wrong-type", "this must be a block (lines of key: value), not text (just words)",
         'Write text: "just words"'),
        ("text:\n      - a", "wrong-type", "this must be text, not a list", "Write it without the '- '."),
        ("text: a\n    quote: b", "unknown-key", "there is no key 'quote' here",
         "Known here: id, show_if, text. A block of its own begins with '- '."),
        ("text: 7", "wrong-type", "this must be text, not a number (7)", 'Quote this text: "7"'),
        ("text: true", "wrong-type", "this must be text, not a yes-or-no value (true)", 'Quote this text: "true"'),
        ("text:", "empty-value", "nothing is written here; it must be text", ""),
        ('text: " "', "empty-value", "nothing is written here", ""),
        ("text: {Foo: bar}", "wrong-type", "this must be text, not a mapping, because of the ': ' in it",
         'Quote this text: "{Foo: bar}"'),
        ("links: a", "wrong-type", "this must be a list (lines that begin with -), not text (a)", ""),
        ("links: []", "empty-value", "the list is empty", ""),
        ("links:\n      - Foo: bar", "wrong-type", "this must be text, not a mapping, because of the ': ' in it",
         'Quote this text: "Foo: bar"'),
        ("links:\n      - {title: a, url: b}", "wrong-type",
         "this must be text, not a mapping, because of the ': ' in it",
         'An item is a sentence, such as "[](@noor) writes about maps.", or its id and text.'),
        ("links: [{txt: a, id: b}]", "unknown-key", "there is no key 'txt' here", "Did you mean 'text'?"),
        ("highlights: [a]", "wrong-type", "this must be a mapping (lines of key: value), not text (a)", ""),
        ("highlights: [{titel: a}]", "unknown-key", "there is no key 'titel' here", "Did you mean 'title'?"),
        ("highlights: [{image: a.png, captoin: b}]", "unknown-key", "there is no key 'captoin' here",
         "Did you mean 'caption'?"),
        ("highlights: [{title: a, reading_time: 1.5}]", "wrong-type",
         "this must be a whole number, not a number (1.5)", ""),
        ("highlights: [{title: a, reading_time: 0}]", "out-of-range", "this must be at least 1", ""),
        ("highlights: [{title: a, author: [b, {nam: c}]}]", "unknown-key", "there is no key 'nam' here",
         "Did you mean 'name'?"),
        ("spacer: 97", "out-of-range", "this must be at most 96", ""),
        ("divider: false", "wrong-value", "this must be true, or left empty", ""),
        ("button: a", "missing-key", "'url' is missing", ""),
        ("button: |\n      a\n      b\n    url: https://a.example", "several-lines", "this must be one line", ""),
        ("heading: a\n    id: a b", "bad-name", "'a b' cannot be used here",
         "Use letters, digits, - and _; begin with a letter or digit."),
        (f"heading: {'x' * 5001}", "too-long", "this has 5001 characters; at most 5000 fit", ""),
    ],
)  # fmt: skip
def test_block_that_is_wrong_is_one_problem(block: str, rule: str, message: str, hint: str) -> None:
    problems = problems_of(f"  - {block}\n")
    assert [(problem.id, problem.message, problem.hint) for problem in problems] == [(rule, message, hint)]


@pytest.mark.parametrize(
    ("line", "rule", "column"),
    [
        ("theme: ../../etc", "bad-name", 8), ("layout: a/b", "bad-name", 9), ("fallback: yes", "wrong-value", 11),
        ("send: {list: [], at: 2024-01-25 09:00}", "empty-value", 14),
        ("send: {at: 2024-01-25 09:00}", "missing-key", 7),
        ("send: {list: a, segmnt: b}", "unknown-key", 17), ("source: {title: a}", "missing-key", 9),
        ("source: {url: a}", "bad-url", 15), ("hero: {alt: a}", "missing-key", 7),
        ("publication: {url: 'https://a.example'}", "missing-key", 14),
        ("publication: {name: a, url: b}", "bad-url", 29),
        ("publication: {name: a, link: b}", "unknown-key", 24), ("publication: [a]", "wrong-type", 14),
        ("author: []", "empty-value", 9),
        ("author: 7", "wrong-type", 9), ("reading_time: true", "wrong-type", 15),
        ("subject: 'a\n\n  b'", "several-lines", 10),
    ],
)  # fmt: skip
def test_top_level_value_that_is_wrong_is_one_problem(line: str, rule: str, column: int) -> None:
    problems = problems_of("  - text: a\n", f"{HEAD}{line}\n")
    assert [(p.id, p.place.line, p.place.column) for p in problems] == [(rule, 4, column)]


@pytest.mark.parametrize("written", ["2024-1-5", "20240125", "2024-01-25T09:00", "25.01.2024", "2024-13-01", "[]", "7"])
def test_what_is_no_date_is_a_problem(written: str) -> None:
    head = HEAD.replace("2024-01-25", written)
    assert [(p.id, p.path) for p in problems_of("  - text: a\n", head)] == [("bad-date", "date")]


def test_misspelt_key_is_not_reported_as_missing_too() -> None:
    problems = problems_of("  - text: a\n", HEAD.replace("title:", "tilte:"))
    assert [(problem.id, problem.path) for problem in problems] == [("unknown-key", "tilte")]


def test_every_problem_is_found_at_once_with_path_and_quote() -> None:
    problems = problems_of(
        "  - txt: a\n  - highlights:\n      - title: a\n        url: b\n", "title: 7\nlanguage: en\n"
    )
    assert {(p.path, str(p.place), p.quote) for p in problems} == {
        ("title", "f.yaml:1:8", "title: 7"),
        ("date", "f.yaml:1:1", "title: 7"),
        ("blocks[0]", "f.yaml:4:5", "  - txt: a"),
        ("blocks[1].highlights[0].url", "f.yaml:7:14", "        url: b"),
    }


@pytest.mark.parametrize(
    ("head", "blocks", "hint"),
    [
        ("hero: coast.png\n", "  - text: a\n", 'Write {image: coast.png, alt: "…"}'),
        ("author: Jane Doe\n", "  - text: a\n", 'Write {name: "Jane Doe"}, or an id of people.yaml.'),
        ("author: [ana, Jane Doe]\n", "  - text: a\n", 'Write {name: "Jane Doe"}, or an id of people.yaml.'),
        ("", "  - Hello there\n", 'Write text: "Hello there"'),
    ],
)
def test_what_was_probably_meant_is_said(head: str, blocks: str, hint: str) -> None:
    assert [problem.hint for problem in problems_of(blocks, f"{HEAD}{head}")] == [hint]


@pytest.mark.parametrize("line", ["title: *x", "date: *x", "blocks: *x", "hero: *x", "hero: {image: *x}", "theme: *x"])
def test_alias_is_told_once(line: str) -> None:
    others = [other for other in (*HEAD.splitlines(), "blocks: [{text: a}]") if other[:4] != line[:4]]
    root, problems = parse_source("\n".join([line, *others]).encode(), "f.yaml")
    assert root is not None
    assert [problem.id for problem in (*problems, *read_model(IssueFile, root)[1])] == ["alias"]


@pytest.mark.parametrize("text", ["\u200b", "\u00ad", "\u2060\ufeff", "\U000e0041", "\u3164"])
@pytest.mark.parametrize("key", ["title", "subtitle", "subject", "preheader", "closing", "publication"])
def test_text_that_cannot_be_seen_is_refused(key: str, text: str) -> None:
    head = HEAD if key != "title" else "date: 2024-01-25\nlanguage: en\n"
    (problem,) = problems_of("  - text: a\n", f'{head}{key}: "{text}"\n')
    assert (problem.id, problem.message, problem.place.column) == (
        "empty-value",
        "nothing of this can be seen",
        len(key) + 3,
    )


@pytest.mark.parametrize("control", ["\u202a", "\u202c", "\u2066", "\u2067", "\u2069"])
@pytest.mark.parametrize("key", ["title", "subject"])
def test_control_of_direction_in_a_line_is_refused_at_its_place(key: str, control: str) -> None:
    head = HEAD if key != "title" else "date: 2024-01-25\nlanguage: en\n"
    (problem,) = problems_of("  - text: a\n", f"{head}{key}: Wir {control}kommen\n")
    assert (problem.id, problem.place.column) == ("control-character", len(key) + 7)
    assert f"U+{ord(control):04X}" in problem.message


def test_marks_and_emoji_that_need_unseen_characters_are_fine() -> None:
    text = "\u200fمرحبا \U0001f3f4\U000e0067\U000e0062\U000e007f ❤️ می\u200cخواهم"
    assert problems_of(f"  - text: {text}\n", f"{HEAD}subtitle: {text}\n") == []


@pytest.mark.parametrize("text", ["&nbsp;", "&#8203; &ZeroWidthSpace;", "&shy;"])
def test_entities_that_cannot_be_seen_are_refused_where_they_are_decoded(text: str) -> None:
    assert [problem.id for problem in problems_of(f"  - text: '{text}'\n  - heading: '{text}'\n")] == [
        "empty-value"
    ] * 2
    assert problems_of(f"  - text: 'a{text}'\n") == []


def test_unseen_characters_before_a_title_are_removed() -> None:
    head = 'title: "\u200b\ufeff Maps"\ndate: 2024-01-25\nlanguage: en\n'
    root, _ = parse_source(f"{head}blocks: [{{text: a}}]".encode(), "f.yaml")
    assert root is not None
    model, problems = read_model(IssueFile, root)
    assert (model and model.title, list(problems)) == ("Maps", [])
