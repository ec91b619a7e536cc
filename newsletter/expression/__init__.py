"""The language of merge fields and conditions: `subscriber.name | default("you")`, `country == "DE" and not member`.

    condition = both { "or" both }              both  = one { "and" one }
    one       = "not" one | "(" condition ")" | test
    test      = value [ ("==" | "!=" | "<" | "<=" | ">" | ">=") value | ["not"] "in" ( list | name ) ]
    value     = (name { "." name } | literal) { "|" filter }
    filter    = name [ "(" literal { "," literal } ")" ]
    list      = "[" literal { "," literal } "]"

The name after `in` means a list: the tags or lists of a segment. A block of an email has none to compare with.
A merge field is a value that begins with a name. There are no calls, loops, indexing or attributes of objects: a name
is looked up in nested mappings, nothing else, so a subscriber's data can never become code. Text is compared by code
point; a value that is missing or blank, or of another kind than the other one, makes a comparison false. Nothing raises
when it is evaluated. The ground; used by authoring, compiler and delivery.
"""

from newsletter.expression.evaluate import FILTERS, holds
from newsletter.expression.field import FIELD, LITERAL, MergeField, unescaped
from newsletter.expression.parse import parse_condition, parse_field
from newsletter.expression.tree import (
    Condition,
    Name,
    Scalar,
    Values,
    alone_in,
    collections_in,
    compared_in,
    equals_in,
    filtered_in,
    literals_in,
    names_in,
    unlike,
)

__all__ = [
    "FIELD",
    "FILTERS",
    "LITERAL",
    "Condition",
    "MergeField",
    "Name",
    "Scalar",
    "Values",
    "alone_in",
    "collections_in",
    "compared_in",
    "equals_in",
    "filtered_in",
    "holds",
    "literals_in",
    "names_in",
    "parse_condition",
    "parse_field",
    "unescaped",
    "unlike",
]
