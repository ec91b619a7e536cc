"""Field: merge fields among the words of a text, and braces that are words themselves."""

import re
from dataclasses import dataclass

from newsletter.expression.evaluate import text_of
from newsletter.expression.tree import Filter, Name, Value, Values

FIELD = re.compile(r"(?<!\\)\{\{(?P<source>[^{}]*)\}\}")
"""A merge field in a text; a backslash before it makes it words."""
LITERAL = r"To show braces as they are write \{{, or code."
_ESCAPED = re.compile(r"\\(?=\{[{%#])")


def unescaped(words: str) -> str:
    """Plain words without the backslashes that keep braces from meaning anything; Markdown has escapes of its own."""
    return _ESCAPED.sub("", words)


@dataclass(frozen=True, slots=True)
class MergeField:
    """A parsed merge field. `source` is the text between the braces, trimmed."""

    source: str
    path: tuple[str, ...]
    filters: tuple[Filter, ...] = ()

    @property
    def has_default(self) -> bool:
        """Whether a missing value is provided for."""
        return any(item.name == "default" for item in self.filters)

    def evaluate(self, values: Values) -> str:
        """The value as text; empty when it is missing and has no default."""
        return text_of(Value(Name(self.path), self.filters), values)
