"""The preheader that the compiler takes from the first texts: whole sentences, long enough to say something."""

from __future__ import annotations

from typing import Any

import pytest
from compiling import make_content

from newsletter.authoring.block import Block
from newsletter.authoring.blocks.simple.divider import DividerBlock
from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.columns import columns
from newsletter.compiler.mark import mark
from newsletter.compiler.preheader import INBOX_ROW, preheader_of
from newsletter.compiler.slots import Slots

AL = {"subscriber": {"name": "Al"}}
LONG = {"subscriber": {"name": "Maximiliana Wolkenstein-Trostburg"}}


def preheader(*texts: str | Block, language: str = "en", readers: Any = (AL,), **more: Any) -> str:
    """As the author would write it, with merge fields."""
    blocks = [TextBlock(text) if isinstance(text, str) else text for text in texts]
    slots = Slots("0")
    content, problems = mark(make_content(*blocks, language=language, **more), slots)
    assert problems == []
    return slots.unmark(preheader_of(content, slots, readers))


@pytest.mark.parametrize(
    ("language", "shown", "rest"),
    [
        ("en", "Dr. Smith and Mr. Jones, e.g. the U.S. team at ca. 3.5 % vs. last year, met.", "Second sentence."),
        ("en", "J. R. R. Tolkien, St. John and Acme Inc. all wrote to us this week.", "Next."),
        ("en", "Hi! This week we look at maps and at what they leave out.", "Next."),
        ("en", '"Is this really the whole of the coast?" she asked.', "Next."),
        ("en", "A pause… and then the whole coast turned to gold.", "Next."),
        ("en", "Nobody can tell how long the coast of Norway is.", "Next."),
        ("en", "He said: “This is the longest coast of them all.”", "Next."),
        ("de", "Am 3. Oktober, d. h. am Feiertag, z. B. in Köln, erscheint bzw. entfällt diese Ausgabe.", "Weiter."),
        ("de", "Liebe Leser! Wir sind nach einer langen Pause wieder da.", "Weiter."),
        ("fr", "M. Dupont et Mme. Martin ont rencontré l’équipe hier soir à Lyon.", "Suite."),
        ("es", "El Sr. García y la Dra. Ruiz viven en la Avda. de América desde siempre.", "Luego."),
        ("pl", "W XX w. prof. Nowak, m.in. z Krakowa, opisał ok. 300 nowych map.", "Dalej."),
        ("ru", "В 1990 г. г-н Иванов, т. е. наш редактор, купил карты, атласы и т. д. для всех.", "Далее."),
        ("zh", "这是一封很长的信，里面有许多关于地图的故事和图片。", "第二句。"),
        ("ja", "「地図は約束です。」と彼女は言い、私たちは海岸を歩き始めた。", "次の文。"),
        ("ar", "هذا الأسبوع ننظر إلى الخرائط وما تتركه خارجها؟", "ثم."),
        ("hi", "इस सप्ताह हम नक्शों को और जो वे छोड़ देते हैं उसे देखते हैं।", "फिर।"),
    ],
)
def test_preheader_ends_with_a_sentence_that_is_long_enough(language: str, shown: str, rest: str) -> None:
    assert preheader(f"{shown} {rest}", language=language) == shown


def test_preheader_goes_on_in_the_texts_that_follow_at_once() -> None:
    assert preheader("Hello there!", "We are back from the coast of Norway. Rest.") == (
        "Hello there! We are back from the coast of Norway."
    )
    assert preheader("你好！", "这一期讲的是地图，还有地图上没有的那些地方的故事。") == (
        "你好！这一期讲的是地图，还有地图上没有的那些地方的故事。"
    )
    assert preheader("Hello there!", DividerBlock(), "Far below.") == "Hello there!"


def test_merge_fields_count_as_much_as_the_longest_persona() -> None:
    text = '{{ subscriber.name | default("Hi") }}! We are back. Third.'
    greeting = '{{ subscriber.name | default("Hi") }}! We are back.'
    assert preheader(text) == text
    assert preheader(text, readers=(AL, LONG)) == greeting
    assert preheader(text, readers=()) == text
    assert preheader(text, readers=({"subscriber": {"name": "Wolkenstein-Trostburg " * 3}},)) == greeting


def test_long_sentence_is_cut_for_the_longest_persona_and_never_inside_a_merge_field() -> None:
    words = "{{ subscriber.name }} " + "word " * 40
    for readers, least in (((AL,), 130), ((LONG,), 90)):
        shown = preheader(words, readers=readers)
        assert shown.startswith("{{ subscriber.name }} word")
        assert shown.endswith("…")
        assert least < columns(shown) <= INBOX_ROW + len("{{ subscriber.name }}")


def test_preheader_of_the_author_stays_as_it_is() -> None:
    assert preheader("A text.", preheader="Short.\nYes.") == "Short. Yes."
    assert preheader(DividerBlock(), subtitle="A subtitle") == "A subtitle"
