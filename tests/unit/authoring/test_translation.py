from __future__ import annotations

import pytest

from newsletter.authoring.fields.explain import MAX_PROBLEMS
from newsletter.authoring.translation import repeated_ids, translate
from newsletter.problem import Problem, Severity
from newsletter.source import Node, parse_source

ORIGINAL = """\
title: One
subtitle: Two
hero: {image: a.png, alt: A coast, url: "https://a.example"}
author: ana
blocks:
  - text: First
    id: first
  - divider:
  - highlights:
      - {id: x, title: X, url: "https://x.example", summary: Of X}
      - {id: p, image: p.png, alt: P}
    id: list
  - links:
      - {id: l, text: L}
    id: links
"""
FULL = """\
title: Eins
subtitle: Zwei
hero: {alt: Eine Küste}
blocks:
  - {id: links, links: [{id: l, text: El}]}
  - {id: list, highlights: [{id: p, alt: Pe}, {id: x, title: Ix, summary: Zu X}]}
  - {id: first, text: Erstens}
"""


def tree(text: str, name: str) -> Node:
    root, problems = parse_source(text.encode(), name)
    assert problems == ()
    assert root is not None
    return root


def translated(text: str, original: str = ORIGINAL) -> tuple[Node, tuple[Problem, ...]]:
    return translate(tree(original, "issue.yaml"), tree(text, "issue.de.yaml"))


def test_translation_replaces_texts_and_keeps_the_rest_in_the_order_of_the_original() -> None:
    merged, problems = translated(FULL)
    assert problems == ()
    assert merged.plain() == {
        "title": "Eins",
        "subtitle": "Zwei",
        "hero": {"image": "a.png", "alt": "Eine Küste", "url": "https://a.example"},
        "author": "ana",
        "blocks": [
            {"text": "Erstens", "id": "first"},
            {"divider": None},
            {
                "highlights": [
                    {"id": "x", "title": "Ix", "url": "https://x.example", "summary": "Zu X"},
                    {"id": "p", "image": "p.png", "alt": "Pe"},
                ],
                "id": "list",
            },
            {"links": [{"id": "l", "text": "El"}], "id": "links"},
        ],
    }


def test_merged_values_keep_the_file_they_were_written_in() -> None:
    merged, _ = translated(FULL)
    article = merged.mapping["blocks"].items[2].mapping["highlights"].items[0]
    assert str(article.mapping["title"].place) == "issue.de.yaml:6:62"
    assert str(article.mapping["url"].place) == "issue.yaml:10:32"


@pytest.mark.parametrize(
    ("gone", "severity", "place", "path"),
    [
        ("title: Eins\n", Severity.ERROR, "issue.de.yaml:1:1", "title"),
        ("subtitle: Zwei\n", Severity.WARNING, "issue.de.yaml:1:1", "subtitle"),
        ("hero: {alt: Eine Küste}\n", Severity.WARNING, "issue.de.yaml:1:1", "hero.alt"),
        ("  - {id: first, text: Erstens}\n", Severity.ERROR, "issue.de.yaml:4:1", "blocks[0]"),
        (", summary: Zu X", Severity.ERROR, "issue.de.yaml:6:47", "blocks[2].highlights[0].summary"),
        ("{id: p, alt: Pe}, ", Severity.WARNING, "issue.de.yaml:6:16", "blocks[2].highlights[1].alt"),
        (", links: [{id: l, text: El}]", Severity.ERROR, "issue.de.yaml:5:5", "blocks[3].links[0]"),
    ],
)
def test_what_is_missing_is_a_problem_at_the_nearest_place(
    gone: str, severity: Severity, place: str, path: str
) -> None:
    assert FULL.count(gone) == 1
    _, problems = translated(FULL.replace(gone, ""))
    found = [(p.id, p.severity, str(p.place), p.path) for p in problems]
    assert found == [("missing-translation", severity, place, path)]


@pytest.mark.parametrize(
    ("written", "name"),
    [("", "Paper"), ("publication: Blatt\n", "Blatt"), ("publication: {name: Blatt}\n", "Blatt")],
)
def test_translation_keeps_the_link_of_the_publication(written: str, name: str) -> None:
    original = ORIGINAL + "publication: {name: Paper, url: 'https://paper.example'}\n"
    merged, problems = translated(FULL + written, original)
    assert problems == ()
    assert merged.plain()["publication"] == {"name": name, "url": "https://paper.example"}


@pytest.mark.parametrize("place", ["here", "there"])
def test_fallback_takes_over_what_is_missing(place: str) -> None:
    text, original = "subtitle: Zwei\n", ORIGINAL
    if place == "here":
        text += "fallback: allow\n"
    else:
        original += "fallback: allow\n"
    merged, problems = translated(text, original)
    assert problems == ()
    assert merged.plain()["title"] == "One"
    assert merged.plain()["blocks"][0]["text"] == "First"


def test_fallback_of_a_translation_overrules_that_of_the_issue() -> None:
    _, problems = translated("fallback: refuse\n", ORIGINAL + "fallback: allow\n")
    assert {problem.id for problem in problems} == {"missing-translation"}


def test_subject_of_the_original_gives_way_to_a_translated_title() -> None:
    original = "title: One\nsubject: Look\npreheader: Inside\nblocks: []\n"
    merged, problems = translated("title: Eins\n", original)
    assert merged.plain() == {"title": "Eins", "blocks": []}
    assert [(p.path, p.severity) for p in problems] == [("subject", "warning"), ("preheader", "warning")]


@pytest.mark.parametrize(
    ("bad", "rule", "place"),
    [
        ("  - {id: frist, text: Erstens}\n", "unknown-id", "issue.de.yaml:7:10"),
        ("  - {text: Erstens}\n", "missing-id", "issue.de.yaml:7:5"),
        ("  - Erstens\n", "missing-id", "issue.de.yaml:7:5"),
        ("  - {id: first, text: Erstens}\n  - {id: first, text: Nochmal}\n", "duplicate-id", "issue.de.yaml:8:10"),
    ],
)
def test_block_that_belongs_to_nothing_is_a_problem(bad: str, rule: str, place: str) -> None:
    _, problems = translated(FULL.replace("  - {id: first, text: Erstens}\n", bad))
    assert (rule, place) in [(p.id, str(p.place)) for p in problems]


def test_misspelt_id_is_recognised() -> None:
    _, problems = translated(FULL.replace("id: first", "id: frist"))
    assert [problem.hint for problem in problems if problem.id == "unknown-id"] == ["Did you mean 'first'?"]


@pytest.mark.parametrize("item", ["text: A", "links: [A]\n    id: a", "highlights: [{title: A}]\n    id: a"])
def test_what_a_translation_leaves_out_is_a_problem_also_without_id(item: str) -> None:
    _, problems = translated("title: Eins\n", f"title: One\nblocks:\n  - {item}\n")
    assert [(p.id, str(p.place), p.path) for p in problems] == [
        ("missing-translation", "issue.de.yaml:1:1", "blocks[0]")
    ]


def test_empty_list_translates_no_sentence() -> None:
    _, problems = translated("blocks: [{id: a, links: []}]\n", "blocks:\n  - links: [A]\n    id: a\n")
    assert [(p.id, str(p.place)) for p in problems] == [("missing-translation", "issue.de.yaml:1:18")]


def test_sentence_without_id_is_not_found_by_ids() -> None:
    _, problems = translated("blocks: [{id: a, links: [{id: b, text: B}]}]\n", "blocks:\n  - {id: a, links: [A]}\n")
    assert [(p.id, str(p.place)) for p in problems] == [
        ("unknown-id", "issue.de.yaml:1:31"), ("missing-id", "issue.yaml:2:21"),
    ]  # fmt: skip


WITHOUT_IDS = """\
blocks:
  - text: First
  - {image: a.png, alt: A coast}
  - divider:
  - highlights:
      - {title: X, url: "https://x.example", summary: Of X}
      - {image: p.png, alt: P}
    style: rows
  - links: [L, {id: m, text: M}]
"""
BY_POSITION = """\
blocks:
  - text: Erstens
  - {alt: Eine Küste}
  - divider:
  - highlights:
      - {title: Ix, summary: Zu X}
      - {alt: Pe}
  - links: [El, Em]
"""


def test_items_without_ids_are_matched_by_position() -> None:
    merged, problems = translated(BY_POSITION, WITHOUT_IDS)
    assert problems == ()
    assert merged.plain()["blocks"] == [
        {"text": "Erstens"},
        {"image": "a.png", "alt": "Eine Küste"},
        {"divider": None},
        {
            "highlights": [
                {"title": "Ix", "url": "https://x.example", "summary": "Zu X"},
                {"image": "p.png", "alt": "Pe"},
            ],
            "style": "rows",
        },
        {"links": ["El", "Em"]},
    ]


def test_ids_at_their_own_positions_may_stand_among_items_without() -> None:
    original = "blocks: [{text: A}, {text: B, id: b}, {text: C}]\n"
    merged, problems = translated("blocks: [{text: Ah}, {id: b, text: Be}, {text: Ce}]\n", original)
    assert problems == ()
    assert [block["text"] for block in merged.plain()["blocks"]] == ["Ah", "Be", "Ce"]


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("  - divider:\n", "", "2:5",
         "this has no id, and the list has 4 items, not 5 as in the original (issue.yaml:2)"),
        ("text: Erstens", "quote: Erstens", "2:5",
         "this is not of the kind of what has its position in the original (issue.yaml:2)"),
        ("{alt: Eine Küste}", "{text: Eine Küste}", "3:5",
         "this is not of the kind of what has its position in the original (issue.yaml:3)"),
        ("{alt: Pe}", "{title: Pe, summary: A}", "7:9",
         "this is not of the kind of what has its position in the original (issue.yaml:7)"),
        (", Em]", "]", "8:13", "this has no id, and the list has 1 items, not 2 as in the original (issue.yaml:9)"),
        ("[El, Em]", "[El, {id: n, text: Em}]", "8:17",
         "this is not of the kind of what has its position in the original (issue.yaml:9)"),
    ],
)  # fmt: skip
def test_items_that_do_not_correspond_are_one_problem_of_the_first(
    old: str, new: str, place: str, message: str
) -> None:
    assert BY_POSITION.count(old) == 1
    _, problems = translated(BY_POSITION.replace(old, new), WITHOUT_IDS)
    asked = [(str(p.place), p.message) for p in problems if p.id == "missing-id"]
    assert asked == [(f"issue.de.yaml:{place}", message)]
    assert {p.id for p in problems} <= {"missing-id", "unknown-id", "missing-translation"}


def test_articles_and_pictures_in_another_order_are_not_matched() -> None:
    swapped = "blocks: [{highlights: [{image: p.png, alt: Pe}, {title: Ix, summary: S}]}]\n"
    original = "blocks: [{highlights: [{title: X, summary: S}, {image: p.png, alt: P}]}]\n"
    _, problems = translated(swapped, original)
    assert [(p.id, str(p.place)) for p in problems] == [("missing-id", "issue.de.yaml:1:49")]


PICTURE = '{image: a.png, alt: A coast, caption: "At dusk", credit: Ana}'
OF_PICTURE = [("missing-translation", "alt"), ("missing-translation", "caption")]


@pytest.mark.parametrize(
    ("block", "told"),
    [
        (f"{PICTURE[:-1]}, id: a}}", OF_PICTURE),
        (PICTURE, OF_PICTURE),
        (f"{{highlights: [{PICTURE[:-1]}, id: p}}], id: a}}", OF_PICTURE),
        (f"{{highlights: [{PICTURE}], id: a}}", OF_PICTURE),
        (f"{{highlights: [{PICTURE[:-1]}, id: p}}]}}", OF_PICTURE),
        ('{image: a.png, alt: "", credit: Ana}', []),
        ('{image: a.png, alt: "", credit: Ana, id: a}', []),
    ],
)
def test_picture_that_is_not_translated_is_a_warning(block: str, told: list[tuple[str, str]]) -> None:
    _, problems = translated("title: Eins\n", f"title: One\nblocks:\n  - {block}\n")
    assert [(p.id, p.path.removeprefix("blocks[0].").rpartition("].")[2]) for p in problems] == told
    assert {p.severity for p in problems} <= {Severity.WARNING}


def test_same_date_may_be_repeated_another_may_not() -> None:
    original = "title: One\ndate: 2024-01-25\nblocks: []\n"
    assert translated("title: Eins\ndate: 2024-01-25\n", original)[1] == ()
    _, problems = translated("title: Eins\ndate: 2024-01-26\n", original)
    assert [(p.id, str(p.place)) for p in problems] == [("misplaced-key", "issue.de.yaml:2:1")]


def test_problems_of_an_endless_translation_are_bounded() -> None:
    original = "blocks:\n" + "".join(f"  - {{text: a, id: i{n}}}\n" for n in range(5000))
    other = "blocks:\n" + "".join(f"  - {{text: a, id: j{n}}}\n" for n in range(5000))
    _, problems = translated(other, original)
    assert sum(problem.id == "unknown-id" for problem in problems) == MAX_PROBLEMS


def test_ids_are_compared_within_their_list() -> None:
    root = tree("blocks:\n  - {id: a, links: [{id: a}, {id: b}, {id: b}]}\n  - {id: c}\n  - {id: a}\n", "f.yaml")
    assert [str(problem.place) for problem in repeated_ids(root)] == ["f.yaml:2:44", "f.yaml:4:10"]
