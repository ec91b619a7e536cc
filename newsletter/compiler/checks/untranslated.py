"""Untranslated: what a translation repeats in the original's words, or leaves to them: sentences and named credits."""

import re
from collections.abc import Iterator

from newsletter.authoring.fields.shape import Shape, shape_of
from newsletter.authoring.fields.values import TEXTS, Translation
from newsletter.authoring.schema import IssueFile
from newsletter.authoring.translation import by_position
from newsletter.columns import is_wide
from newsletter.expression import FIELD
from newsletter.problem import Problem, Severity
from newsletter.source import Node, shortened

_NO_WORDS = re.compile(r"`[^`]*`|\]\([^()\s]*\)|<?https?://[^\s<>]+>?|[\w.+-]+@[\w.-]+")
_NAMED_CREDIT = re.compile(r"\s*[^\W\d_]+\s*[:：]\s*\S")
_LEAST = 3
"""Words of a sentence without capitals: fewer may be a name, a title or a word of both languages."""
_LEAST_LETTERS = 8
"""The same of scripts without capitals or spaces."""


def check_untranslated(
    original: Node, translated: Node, languages: tuple[str, str], schema: type[IssueFile] = IssueFile
) -> Iterator[Problem]:
    """Texts of a translation that are those of its original. `languages`: the original's and the translation's."""
    one, other = (language.split("-")[0] for language in languages)
    fallback = translated.mapping.get("fallback") or original.mapping.get("fallback")
    if one != other and not (fallback and fallback.value == "allow"):
        yield from _compare(original, translated, shape_of(schema))


def _compare(original: Node, translated: Node, shape: Shape) -> Iterator[Problem]:
    known = shape.fields(original) if original.mapping else {}
    for key, value in original.mapping.items():
        theirs = translated.mapping.get(key)
        if theirs is not None:
            yield from _compare(value, theirs, known.get(key, Shape()))
        elif key == "credit" and translated.mapping and _NAMED_CREDIT.match(value.text):
            message = f"the credit {shortened(value.text)!r} is shown in the language of the original"
            yield _warning(translated, message, "Write this credit here too.")
    theirs_by_id = {item.mapping["id"].text: item for item in translated.items if "id" in item.mapping}
    placed, _ = by_position(original, translated, shape)
    for number, item in enumerate(original.items):
        name = item.mapping["id"].text if "id" in item.mapping else ""
        match = theirs_by_id.get(name) if name else None
        match = placed.get(number) if match is None else match
        if match is None and not name and not shape.has_ids and len(original.items) == len(translated.items):
            match = translated.items[number]
        if match is not None:
            yield from _compare(item, match, shape.item(original))
    of = shape.of(original)
    is_words = of.role in TEXTS and of.translation in (Translation.REQUIRED, Translation.EXPECTED)
    if is_words and translated.text.strip() == original.text.strip() and _is_sentence(original.text):
        message = f"this is the text of the original ({original.place.file}:{original.place.line}), not translated"
        yield _warning(translated, message, "Translate it.")


def _warning(node: Node, message: str, hint: str) -> Problem:
    return node.problem("untranslated", message, hint=hint, severity=Severity.WARNING)


def _is_sentence(text: str) -> bool:
    """Whether a text has words that every language writes in its own way; names and code are the same in all."""
    words = re.findall(r"[^\W\d_]{2,}", FIELD.sub(" ", _NO_WORDS.sub(" ", text)))
    if sum(word[0].islower() for word in words) >= _LEAST:
        return True
    return sum(map(len, filter(_has_no_capitals, words))) >= _LEAST_LETTERS


def _has_no_capitals(word: str) -> bool:
    return is_wide(word[0]) or word.lower() == word.upper()
