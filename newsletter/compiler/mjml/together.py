"""Together: what a line of the finished HTML must not tear apart or turn round. Called by `finish`."""

import re

_PARTS = re.compile(
    r"(?P<skip><!--.*?-->|<(?P<tag>style|title|code|pre)\b.*?</(?P=tag)>)|(?P<markup><[^>]*>)|(?P<words>[^<]+)",
    re.DOTALL,
)
_DOT = re.compile(r"\s+·\s+")
_COMPOUND = re.compile(r"(?<![\w-])\d{1,4}-[^\W\d_]{1,9}(?![\w-])")
_NUMBER = re.compile(r"(?<![\w@./+-])(?:\+\d|\(?\d)[\d()]*(?:[ \u00a0/.-]\(?\d+\)?){1,8}(?![\w@/-])")
"""Several runs of digits, as in a telephone number or a date."""


def keep_together(markup: str, direction: str) -> str:
    """The HTML with these kept: a dot between two facts stays with the second, "4-bit" in a title stays whole, and in
    text from the right it and a telephone number are neither reordered nor broken (Unicode TR9 turns `030-1234567`
    and `4-bit` round).

    Style sheets, comments, attributes and code are unchanged.
    """
    parts, in_title = [], False
    for match in _PARTS.finditer(markup):
        part = match.group()
        if match["markup"] and (title := re.match(r"<(/?)h[1-3]\b", part)):
            in_title = not title[1]
        elif match["words"]:
            part = _DOT.sub(" ·\u00a0", part)
            if direction == "rtl":
                part = _NUMBER.sub(lambda number: _isolated(number.group()), part)
                part = _COMPOUND.sub(r'<span dir="ltr" style="white-space:nowrap">\g<0></span>', part)
            elif in_title:
                part = _COMPOUND.sub(r'<span style="white-space:nowrap">\g<0></span>', part)
        parts.append(part)
    return "".join(parts)


def _isolated(number: str) -> str:
    """A number of several runs, unless a line from the right has it in order: figures joined by points or slashes."""
    if number.startswith(("+", "0", "(")) or "-" in number:
        return f'<span dir="ltr" style="white-space:nowrap">{number}</span>'
    return number
