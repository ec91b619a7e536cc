"""What programs leave in texts is found at its place; the typography of many languages is left alone."""

from __future__ import annotations

import pytest

from newsletter.compiler.checks.characters import check_characters
from newsletter.problem import Problem
from newsletter.source import parse_source


def found(yaml: str, language: str = "en") -> list[Problem]:
    root, problems = parse_source(yaml.encode(), "f.yaml")
    assert root is not None
    assert problems == ()
    return list(check_characters(root, language))


def text(words: str) -> str:
    return "blocks:\n  - text: |\n" + "".join(f"      {line}\n" for line in words.split("\n"))


WRONG = {
    "entity in a title": ('title: "Fish &amp; chips"\n', "1:14", "html-entity", "Write & itself."),
    "space in a title": ('title: "10&nbsp;km"\n', "1:11", "html-entity", "Write U+00A0 NO-BREAK SPACE itself."),
    "number in a title": ('title: "It&#39;s"\n', "1:11", "html-entity", "Write ' itself."),
    "escaped twice": (text("Fish &amp;nbsp; chips"), "3:12", "html-entity", "Write U+00A0 NO-BREAK SPACE itself."),
    "umlaut": (text("Wie schÃ¶n"), "3:14", "mojibake", "Write ö"),
    "capital umlaut": (text("Ã„rger"), "3:7", "mojibake", "Write Ä"),
    "sharp s": (text("groÃŸ"), "3:10", "mojibake", "Write ß"),
    "apostrophe": (text("donâ€™t"), "3:10", "mojibake", "Write ’"),
    "degree": (text("20Â°C"), "3:9", "mojibake", "Write °"),
    "emoji": (text("hi ðŸ˜€"), "3:10", "mojibake", "Write 😀"),
    "Cyrillic": (text("Ð¿Ñ€Ð¸"), "3:7", "mojibake", "Write при"),
    "Cyrillic in windows-1251": (text("РїСЂРё"), "3:7", "mojibake", "Write при"),
    "Chinese": (text("ä¸­æ–‡"), "3:7", "mojibake", "Write 中文"),
    "Chinese in GBK": (text("你锟斤拷好"), "3:8", "mojibake", "Write what belongs here."),
    "lost": (text("lost \ufffd"), "3:12", "mojibake", "Write what belongs here, and save the file as UTF-8."),
    "zero width": (text("news\u200bletter"), "3:11", "invisible-character", "Delete it."),
    "joiner in Cyrillic": (text("но\u200dвость"), "3:9", "invisible-character", "Delete it."),
    "byte order mark": (text("a \ufeffb"), "3:9", "invisible-character", "Delete it."),
    "lost object": (text("see \ufffc here"), "3:11", "invisible-character", "Delete it."),
    "direction": (text("one \u2067two\u2069"), "3:11", "invisible-character", "Delete it."),
    "wide comma": (text("Hello，world"), "3:12", "full-width", "Write ,"),
    "wide letters": (text("In ＵＴＦ we trust"), "3:10", "full-width", "Write UTF"),
    "wide space": (text("one\u3000two"), "3:11", "full-width", "Write a space"),
    "folded list": ("blocks:\n  - text: >\n      Intro:\n      - one\n      - two\n", "4:7", "joined-lines",
                    "Write | instead of >."),
    "folded numbers": ("blocks:\n  - text: >-\n\n      1. one\n      2. two\n", "5:7", "joined-lines",
                       "Write | instead of >."),
    "folded heading": ("blocks:\n  - text: >\n      # Head\n      Text.\n", "4:7", "joined-lines",
                       "Write | instead of >."),
    "folded table": ("blocks:\n  - text: >\n      | a | b |\n      |---|---|\n", "4:7", "joined-lines",
                     "Write | instead of >."),
    "folded quote": ("blocks:\n  - text: >\n      So:\n      > quote\n", "4:7", "joined-lines",
                     "Write | instead of >."),
    "quoted list": ('blocks:\n  - text: "Intro:\n      - one\n      - two"\n', "3:7", "joined-lines",
                    "Write the text below a |, without quotes."),
    "paragraphs in a quote": ("blocks:\n  - quote: |\n      one\n\n      two\n", "5:7", "one-line-field",
                              "Write one sentence, or put it into a text block."),
    "list in a caption": ("hero:\n  image: a.png\n  caption: |\n    - one\n    - two\n", "4:5", "one-line-field",
                          "Write one sentence, or put it into a text block."),
}  # fmt: skip


@pytest.mark.parametrize(("yaml", "place", "rule", "hint"), WRONG.values(), ids=WRONG)
def test_what_readers_would_see_is_found_at_its_place(yaml: str, place: str, rule: str, hint: str) -> None:
    (problem,) = found(yaml)
    assert (f"{problem.place.line}:{problem.place.column}", problem.id, problem.hint) == (place, rule, hint)


RIGHT = [
    ("en", "Fish &amp; chips, AT&T; R&D; 5 &lt; 6 &nbsp; x"),
    ("en", "`&nbsp;` and `schÃ¶n` and `a\u200bb`\n\n    lost \ufffd\n"),
    ("en", "A list:\n- one\n- two\n\n# Head\nText\n\n| a | b |\n|---|---|"),
    ("en", "👩\u200d💻 and 🏳️\u200d🌈, re\u00adli\u00adable"),
    ("de", "Größe, Straße, „Ä“, Übergröße – schön…; Auf\u200cla\u200cge, 20\u00a0°C"),
    ("fr", "« Café »… À « là », l’été\u202f! « café”…, 5\u00a0€"),
    ("pt", "“AMANHÃ”, NÃO, “Ã”, AÇÃO—JÁ"),
    ("es", "la letra “Ñ”, ESPAÑA™, ¿Qué?"),
    ("tr", "İstanbul, ığdır"),
    ("ru", "Россия, СССР, «Рим», РС, № 5; ещё – всё…"),
    ("zh", "你好，世界：ＵＴＦ。「引用」\u3000全角（测试）！"),
    ("zh-Hant", "臺灣，《中文》"),
    ("ja", "こんにちは、世界。全角\u3000ＡＢＣ１２３"),
    ("ko", "안녕하세요, 세계. ‘한글’"),
    ("en", "The word 中文，字 and 《书》。"),
    ("ar", "مرحبا\u200f بالعالم، \u2067نص\u2069 ABC"),
    ("he", "שלום\u200f עולם, ״ציטוט״"),
    ("fa", "می\u200cخواهم"),
    ("hi", "क्\u200dष, हिन्दी"),
    ("th", "ภาษา\u200bไทย"),
]


@pytest.mark.parametrize(("language", "words"), RIGHT)
def test_typography_is_left_alone(language: str, words: str) -> None:
    assert found(text(words), language) == []


@pytest.mark.parametrize("language", ["zh", "zh-Hant", "ja"])
def test_half_width_punctuation_is_found_at_each_place(language: str) -> None:
    problems = found(text("第一行。\n地图,是一个**承诺**:好\n\n真的?\n`代码,代码`"), language)
    assert [f"{problem.place.line}:{problem.place.column}" for problem in problems] == ["4:9", "4:19", "6:9"]
    assert {problem.id for problem in problems} == {"half-width-punctuation"}
    assert [problem.hint for problem in problems] == ["Write ，", "Write ：", "Write ？"]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", "3:1 领先"), ("zh", "见 https://maps.example.org:8080/"), ("zh", "A,B 两组"), ("zh", "（地图）。"),
        ("zh", "看:https://maps.example.org/"), ("en", "The word 中文, and 字: yes"),
    ],
)  # fmt: skip
def test_half_width_punctuation_that_belongs_there_is_fine(language: str, words: str) -> None:
    assert found(text(words), language) == []


@pytest.mark.parametrize(
    "yaml",
    [
        "blocks:\n  - text: >\n      It was cold\n      - very cold - and in\n      2024. Nobody came.\n",
        "blocks:\n  - text: >\n      Intro:\n\n      - one\n\n      - two\n",
        "blocks:\n  - text: >\n      Intro:\n        - one\n        - two\n",
        "blocks:\n  - text: |\n      # Head\n      - one\n      - two\n",
        "blocks:\n  - links:\n      - >\n        An item\n        folded\n      - 'One\n        more'\n",
        "blocks:\n  - quote: |\n      one line\n      and its rest\n",
        "blocks:\n  - quote: '- Really? - Yes.'\n",
    ],
)
def test_text_that_loses_nothing_is_none(yaml: str) -> None:
    assert found(yaml) == []
