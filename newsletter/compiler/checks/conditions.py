"""Conditions: that there are not too many, and that no email ends and no column is empty for some readers only."""

from collections.abc import Iterator

from newsletter.authoring.block import Block
from newsletter.authoring.blocks.columns import Column
from newsletter.authoring.blocks.read_more import ReadMoreBlock
from newsletter.authoring.fields.rewrite import nouns_in
from newsletter.authoring.issue import Content
from newsletter.problem import Problem

MAX_CONDITIONS = 50
"""Different ones in an issue: each block is laid out once for everything that can be shown before it."""


def conditions_in(content: Content) -> list[str]:
    """The different conditions of an issue, in order."""
    return list(dict.fromkeys(block.show_if for block in _blocks(content) if block.show_if))


def check_conditions(content: Content) -> Iterator[Problem]:
    """What is wrong with the conditions of an issue together."""
    found = conditions_in(content)
    if len(found) > MAX_CONDITIONS:
        block = next(block for block in _blocks(content) if block.show_if == found[MAX_CONDITIONS])
        path = f"{block.path}.show_if"
        message = f"this issue has {len(found)} different conditions; at most {MAX_CONDITIONS} are possible"
        yield Problem("too-many-conditions", message, content.place(path), path=path, hint="Make several issues of it.")
    for end in nouns_in(content.blocks, ReadMoreBlock):
        if end.show_if:
            path = f"{end.path}.show_if"
            message, hint = "the email ends here for everybody: a read_more has no condition", "Delete this line."
            yield Problem("bad-condition", message, content.place(path), path=path, hint=hint)
    for column in nouns_in(content.blocks, Column):
        if all(block.show_if for block in column.blocks):
            hint = "Put show_if beside columns, or add a block for everybody."
            message = "readers for whom no condition in this column is true would see an empty column"
            yield Problem("empty-column", message, content.place(column.path), path=column.path, hint=hint)


def _blocks(content: Content) -> Iterator[Block]:
    """Every block, also those in columns."""
    for block in content.blocks:
        yield block
        for column in nouns_in(block, Column):
            yield from column.blocks
