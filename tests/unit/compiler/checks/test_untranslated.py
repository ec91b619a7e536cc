"""A translation that repeats its original is told; names, code and words that both languages share are not."""

from __future__ import annotations

import pytest

from newsletter.compiler.checks.untranslated import check_untranslated
from newsletter.source import parse_source


def found(original: str, translated: str, languages: tuple[str, str] = ("en", "de")) -> list[str]:
    one, other = (parse_source(text.encode(), "f.yaml")[0] for text in (original, translated))
    assert one is not None
    assert other is not None
    return [f"{p.place.line}:{p.place.column}" for p in check_untranslated(one, other, languages)]


SENTENCE = 'blocks:\n  - text: "Why hikers still carry one."\n    id: a\n'


@pytest.mark.parametrize(
    ("yaml", "place"),
    [
        (SENTENCE, "2:11"),
        ('title: "Three maps of the same coast"\n', "1:8"),
        (
            "blocks:\n  - highlights:\n      - id: x\n        title: X\n        summary: they still do all of it\n",
            "5:18",
        ),
        ("blocks:\n  - text: 徒步的人为什么还带着它\n    id: a\n", "2:11"),
        ("blocks:\n  - text: لماذا يحملها المشاة\n    id: a\n", "2:11"),
        ("blocks:\n  - links:\n      - one of the best of all\n", "3:9"),
    ],
)
def test_repeated_sentence_is_told(yaml: str, place: str) -> None:
    assert found(yaml, yaml) == [place]


@pytest.mark.parametrize(
    "yaml",
    [
        'title: "Red Hat Summit 2024"\n',
        'title: "PyCon DE"\nsignature: "Ana & Bo"\n',
        'blocks:\n  - text: "`pip install a b c d`"\n    id: a\n',
        'blocks:\n  - text: "[Rust](https://rust-lang.example/a/long/path/of/words)"\n    id: a\n',
        'hero: {image: a.png, alt: "", credit: "drawn by hand for this issue"}\n',
    ],
)
def test_names_and_code_are_the_same_in_every_language(yaml: str) -> None:
    assert found(yaml, yaml) == []


def test_translation_into_the_same_language_may_repeat_it() -> None:
    assert found(SENTENCE, SENTENCE, ("en", "en-GB")) == []
    assert found(SENTENCE, SENTENCE + "fallback: allow\n") == []
    assert found(SENTENCE, SENTENCE.replace("Why hikers still carry one", "Warum Wanderer sie noch tragen")) == []


def test_credit_that_names_a_trade_is_told_where_it_is_missing() -> None:
    original = 'hero: {image: a.png, alt: "A coast", credit: "Drawing: Mira"}\n'
    assert found(original, 'hero: {alt: "Eine Küste"}\n') == ["1:7"]
    assert found(original, 'hero: {alt: "Eine Küste", credit: "Zeichnung: Mira"}\n') == []
    assert found(original.replace("Drawing: Mira", "Mira Sample"), 'hero: {alt: "Eine Küste"}\n') == []
