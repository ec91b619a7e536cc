"""Parse: the source of a merge field or condition → its tree, or an ExpressionError that the author can act on."""

import re
from functools import lru_cache
from typing import NamedTuple

from newsletter.errors import ExpressionError
from newsletter.expression.evaluate import FILTERS
from newsletter.expression.field import MergeField
from newsletter.expression.tree import (
    Among,
    And,
    Comparison,
    Condition,
    Filter,
    Literal,
    Name,
    Not,
    Operator,
    Or,
    Present,
    Scalar,
    Tree,
    Value,
)

_TOKEN = re.compile(
    r"""\s*(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>-?\d{1,15}(?:\.\d{1,15})?(?![\w.]))|(?P<text>"[^"\\]*"|'[^'\\]*')
    |(?P<sign>==|!=|<=|>=|[<>()\[\],.|]))""",
    re.VERBOSE,
)
_WORDS = frozenset({"and", "or", "not", "in", "true", "false"})
_TRUTH = {"true": True, "false": False}
_ARGUMENTS = {"default": 1}
_FIELD_HINT = 'A merge field looks like {{ subscriber.name | default("there") }}'
_CONDITION_HINT = 'A condition looks like country == "DE", or country in ["DE", "AT"] and not member'
_MEANT = {
    "=": "==", "===": "==", "<>": "!=", "&&": "and", "&": "and", "||": "or", "!": "not",
    "{{": "the name without braces",
}  # fmt: skip
"""What other languages write → what this one does."""
_DEPTH = 120


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


@lru_cache(1 << 10)
def parse_condition(source: str) -> Condition:
    """Parse a condition. Raises ExpressionError."""
    reader = _Reader(source, _CONDITION_HINT)
    tree = reader.condition(0)
    reader.end()
    return Condition(source.strip(), tree)


@lru_cache(1 << 10)
def parse_field(source: str) -> MergeField:
    """Parse the text between the braces. Raises ExpressionError."""
    reader = _Reader(source, _FIELD_HINT)  # its mistakes are placed at its beginning, but for what cannot be read
    first = reader.peek()
    if first.kind != "name" or first.text in _TRUTH:
        what = source.strip()
        raise ExpressionError(f"A merge field begins with a name such as subscriber.name, not {what!r}")
    value = reader.value()
    reader.end()
    assert isinstance(value.of, Name)
    return MergeField(source=source.strip(), path=value.of.path, filters=value.filters)


class _Reader:
    """Reads tokens from the left."""

    def __init__(self, source: str, hint: str) -> None:
        self.source = source
        self.hint = hint
        self.at = 0

    def place(self, token: _Token) -> int:
        """Where a mistake about a filter is."""
        return token.position if self.hint is _CONDITION_HINT else 0

    def peek(self) -> _Token:
        """The next token; of the kind `end` after the last one, `other` for what is none."""
        match = _TOKEN.match(self.source, self.at)
        if match:
            kind = str(match.lastgroup)
            return _Token("word" if match[kind] in _WORDS else kind, match[kind], match.start(kind))
        rest = self.source[self.at :]
        return _Token("other" if rest.strip() else "end", rest.strip(), self.at + len(rest) - len(rest.lstrip()))

    def take(self, *texts: str) -> _Token | None:
        """The next token if it is one of these; strings are none of them."""
        token = self.peek()
        if token.kind not in ("word", "sign") or token.text not in texts:
            return None
        self.at = token.position + len(token.text)
        return token

    def end(self) -> None:
        """Raise unless everything was read."""
        if self.peek().kind != "end":
            raise self.unread()

    def condition(self, depth: int) -> Tree:
        return self._joined("or", depth)

    def _joined(self, word: str, depth: int) -> Tree:
        parts = []
        while True:
            parts.append(self._joined("and", depth) if word == "or" else self._one(depth))
            if not self.take(word):
                break
        return parts[0] if len(parts) == 1 else Or(tuple(parts)) if word == "or" else And(tuple(parts))

    def _one(self, depth: int) -> Tree:
        if depth > _DEPTH:
            raise ExpressionError("this is nested too deeply", position=self.peek().position)
        if self.take("not"):
            return Not(self._one(depth + 1))
        if opened := self.take("("):
            inner = self.condition(depth + 1)
            if not self.take(")"):
                if self.peek().kind != "end":
                    raise self.unread()
                raise ExpressionError("this bracket is not closed", position=opened.position)
            return inner
        return self._test()

    def _test(self) -> Tree:
        value = self.value()
        if sign := self.take(*Operator):
            right = self.value()
            if (another := self.peek()).text in set(Operator) and another.kind == "sign":
                hint = "Write a < b and b < c."
                raise ExpressionError("only two values can be compared", position=another.position, hint=hint)
            return Comparison(value, Operator(sign.text), right)
        is_negated, start = False, self.at
        if self.take("not"):
            is_negated = True
            if self.peek().text != "in":
                self.at = start
                raise self.unread()
        if self.take("in"):
            choices = self._name() if self.peek().kind == "name" else self._choices()
            return Among(value, choices, is_negated)
        return Present(value)

    def _choices(self) -> tuple[Literal, ...]:
        opened = self.take("[")
        if not opened:
            hint = 'Write country in ["DE", "AT"].'
            raise ExpressionError("after in comes a list in brackets", position=self.peek().position, hint=hint)
        choices = [self._literal()]
        while self.take(","):
            choices.append(self._literal())
        if not self.take("]"):
            if self.peek().kind != "end":
                raise self.unread()
            raise ExpressionError("this bracket is not closed", position=opened.position)
        return tuple(choices)

    def _literal(self) -> Literal:
        token = self.peek()
        if token.kind == "name":
            hint = f'Quote it: "{token.text}"'
            raise ExpressionError(
                f"{token.text} is a name, and a text belongs here", position=token.position, hint=hint
            )
        self._advance(token)
        return Literal(self._scalar(token), token.position)

    def _scalar(self, token: _Token) -> Scalar:
        match token.kind:
            case "text":
                return token.text[1:-1]
            case "number":
                return float(token.text) if "." in token.text else int(token.text)
            case "word" if token.text in _TRUTH:
                return _TRUTH[token.text]
        self.at = token.position
        raise self.unread()

    def value(self) -> Value:
        """A name or literal with its filters."""
        token = self.peek()
        if token.kind == "name":
            of: Name | Literal = self._name()
        else:
            of = self._literal()
        filters = []
        while bar := self.take("|"):
            if self.source.startswith("||", bar.position):
                self.at = bar.position
                raise self.unread()
            filters.append(self._filter())
        return Value(of, tuple(filters))

    def _name(self) -> Name:
        first = self.peek()
        path = []
        while True:
            token = self.peek()
            if token.kind not in ("name", "word"):
                raise self.unread()
            path.append(token.text)
            self._advance(token)
            if not self.take("."):
                return Name(tuple(path), first.position)

    def _filter(self) -> Filter:
        token = self.peek()
        name = token.text if token.kind in ("name", "word") else ""
        whole = self.source.strip()
        if name not in FILTERS:
            raise ExpressionError(
                f"There is no filter {name!r} (in {whole!r})", position=self.place(token),
                hint=f"The filters are {', '.join(FILTERS)}",
            )  # fmt: skip
        self._advance(token)
        arguments: list[Scalar] = []
        if self.take("(") and not self.take(")"):
            arguments.append(self._literal().value)
            while self.take(","):
                arguments.append(self._literal().value)
            if not self.take(")"):
                raise ExpressionError(f"A closing bracket is missing in {whole!r}", position=self.place(token))
        wanted = _ARGUMENTS.get(name, 0)
        if len(arguments) != wanted:
            message = f"The filter {name!r} takes {wanted} value{'' if wanted == 1 else 's'} in brackets"
            raise ExpressionError(message, position=self.place(token))
        return Filter(name, tuple(arguments))

    def _advance(self, token: _Token) -> None:
        self.at = token.position + len(token.text)

    def unread(self) -> ExpressionError:
        """What cannot be read from here on."""
        token = self.peek()
        if token.kind == "end":
            return ExpressionError("something is missing at the end", position=token.position, hint=self.hint)
        rest = self.source[token.position :].strip()
        signs = re.match(r"[=<>&|!{]+", rest)
        meant = _MEANT.get(signs.group(), "") if signs else _MEANT.get(token.text, "")
        if token.text.lower() in _WORDS:
            meant = token.text.lower()
        hint = f"Write {meant}." if meant and meant != token.text else self.hint
        if rest[0] in "“”„«»‘’‚":
            hint = 'Texts stand in straight quotes, as in "DE".'
        what = "merge field" if self.hint is _FIELD_HINT else "condition"
        message = f"{rest!r} cannot be read in the {what} {self.source.strip()!r}"
        return ExpressionError(message, position=token.position, hint=hint)
