from __future__ import annotations

import pytest

from newsletter.authoring.contributors import Contributor
from newsletter.authoring.proofread import References, proofread
from newsletter.problem import Problem, Severity
from newsletter.source import parse_source

PEOPLE = {
    "ana": Contributor("ana", {"": "Ana"}),
    "eve": Contributor("eve", {"": "Eve"}, "https://evil.example"),
}


def found(text: str, *attributes: str) -> list[Problem]:
    root, problems = parse_source(text.encode(), "f.yaml")
    assert problems == ()
    assert root is not None

    def picture(node: object) -> None:
        return None

    return list(proofread(root, References(PEOPLE, frozenset(attributes), picture)))


def places(text: str, *attributes: str) -> list[tuple[str, int, int]]:
    return [(p.id, p.place.line, p.place.column) for p in found(text, *attributes)]


@pytest.mark.parametrize(
    ("text", "rule", "line", "column"),
    [
        ("blocks:\n  - text: |\n      a\n      b [](@bo)\n", "unknown-person", 4, 9),
        ("blocks:\n  - links: ['it''s [](@bo)']\n", "unknown-person", 2, 20),
        ("closing: '[](@ana x)'\n", "bad-person-link", 1, 12),
        ("author: [ana, bo]\n", "unknown-person", 1, 15),
        ("author: {name: B, bio: '[](@bo)'}\n", "unknown-person", 1, 25),
        ("author: [{name: B, bio: '[](@bo)'}]\n", "unknown-person", 1, 26),
        ("blocks:\n  - highlights: [{title: a, author: bo}]\n", "unknown-person", 2, 37),
        ("blocks:\n  - text: '[a](b) [c](<d e>) [f](https://g.example)'\n", "bad-url", 2, 16),
        ("blocks:\n  - highlihgts: [{summary: '[](@bo)'}]\n", "unknown-person", 2, 29),
        ("blocks:\n  - {id: x, by: '{{ a }}'}\n", "merge-field", 2, 18),
        ("blocks:\n  - txet: a\n    links: ['[](@bo)']\n", "unknown-person", 3, 14),
        ("hero: {credit: '[a](javascript:b)'}\n", "bad-url", 1, 21),
        ("title: 'a {{ subscriber.email }}'\n", "merge-field", 1, 11),
        ("source: {title: '{{ subscriber.email }}'}\n", "merge-field", 1, 18),
        ("publication: {name: '{{ subscriber.email }}'}\n", "merge-field", 1, 22),
        ("subject: '{{ subscriber.name }}'\n", "missing-default", 1, 11),
        ("subject: '{{ subscriber.name | upper }}'\n", "missing-default", 1, 11),
        ("subject: '{{ subscriber.name | nope }}'\n", "merge-field", 1, 11),
        ("subject: '{{ subscriber.name ? }}'\n", "merge-field", 1, 30),
        ("subject: '{{ name }}'\n", "merge-field", 1, 11),
        ("subject: '{{ link.archive }}'\n", "merge-field", 1, 11),
        ("subject: 'Hi {{ subscriber.name '\n", "merge-field", 1, 14),
        ("blocks:\n  - button: a\n    url: 'https://a.example/{{ subscriber.nam | default(\"x\") }}'\n",
         "unknown-attribute", 3, 29),
    ],
)  # fmt: skip
def test_text_that_refers_to_nothing_is_a_problem_at_its_character(
    text: str, rule: str, line: int, column: int
) -> None:
    assert places(text)[0] == (rule, line, column)


@pytest.mark.parametrize(
    "text",
    [
        "subject: '{{ subscriber.name | default(\"you\") }}'",
        "subject: '{{ subscriber.email }}'",
        "subject: '{{ subscriber.city | default(\"x\") }}'",
        "blocks: [{button: a, url: 'https://a.example/?c={{ subscriber.city }}'}, {button: b, url: '{{ link.view }}'}]",
        "blocks: [{text: '[a](https://a.example/b_(c)?d=e) [f](<https://g.example>) [](@ana) `[](@bo) [x](y)`'}]",
        "blocks: [{text: '[leave]({{ link.unsubscribe }}) [x](https://a.example/{{subscriber.name|default(1)}})'}]",
        "author: ana",
        "author: {name: Somebody Else}",
        "id: '{{ anything'",
    ],
)
def test_text_that_refers_to_what_is_there_is_fine(text: str) -> None:
    assert found(text, "city") == []


def test_attribute_that_no_persona_has_only_warns() -> None:
    (problem,) = found("subject: '{{ subscriber.cty | default(\"x\") }}'", "city")
    assert (problem.severity, problem.hint) == (Severity.WARNING, "Did you mean 'city'?")


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("blocks: [{button: a, url: 'https://a.example/?e={{ subscriber.email }}'}]", 1, 49),
        ("blocks:\n- text: |\n    see [x](https://a.example/?n={{subscriber.email|lower}})\n", 3, 34),
    ],
)
def test_address_of_the_reader_in_a_link_warns(text: str, line: int, column: int) -> None:
    (problem,) = found(text)
    assert (problem.id, problem.severity) == ("address-in-url", Severity.WARNING)
    assert (problem.place.line, problem.place.column) == (line, column)


def test_link_to_somebody_with_the_words_of_another_host_is_an_error() -> None:
    (problem,) = found("blocks: [{text: 'at [bank.example/login](@eve)'}]")
    assert (problem.id, problem.place.column) == ("misleading-link", 21)


def test_every_merge_field_of_a_text_is_looked_at() -> None:
    text = "blocks:\n  - text: |\n      {{ a }}\n      {{ b }} and {{ c }}\n"
    assert places(text) == [("merge-field", 3, 7), ("merge-field", 4, 7), ("merge-field", 4, 19)]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('city == "Rome"', None), ('subscriber.city in ["Rome"] and not language', None), ('email | lower > "m"', None),
        ('cty == "Rome"', ("unknown-attribute", 30, "Did you mean 'city'?")),
        ("city == Rome", ("unknown-attribute", 38, 'or quote it if it is a text: "Rome".')),
        ("subscriber.name.first", ("bad-condition", 30, "There are city, email, language, name, timezone.")),
        ('city == "Rome" or link.view', ("bad-condition", 48, "There are city,")),
        ("city == 7", ("never-true", 38, 'Quote it: "7"')), ("city in [true]", ("never-true", 39, 'Quote it: "true"')),
    ],
)  # fmt: skip
def test_condition_names_what_subscribers_have(condition: str, expected: tuple[str, int, str] | None) -> None:
    problems = found(f"blocks: [{{text: a, show_if: '{condition}'}}]", "city")
    told = [(problem.id, problem.place.column) for problem in problems]
    assert told == ([expected[:2]] if expected else [])
    assert all(expected and expected[2] in problem.hint for problem in problems)


def test_text_that_the_schema_refuses_for_its_length_is_not_read() -> None:
    assert found(f"subject: '{'{{ a }} ' * 10_000}'") == []
