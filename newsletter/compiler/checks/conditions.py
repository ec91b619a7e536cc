"""Conditions: not too many; the email ends for everybody; no reader sees an empty column or a heading over nothing."""

from collections.abc import Iterator, Sequence
from itertools import takewhile

from newsletter.authoring.block import Block
from newsletter.authoring.blocks.columns import Column
from newsletter.authoring.blocks.read_more import ReadMoreBlock
from newsletter.authoring.blocks.simple.heading import HeadingBlock
from newsletter.authoring.fields.rewrite import nouns_in
from newsletter.authoring.issue import Content
from newsletter.compiler.conditions.formulas import SEPARATORS
from newsletter.compiler.conditions.variants import variants
from newsletter.expression import parse_condition
from newsletter.problem import Problem, Severity

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
    yield from _headings(content)
    for column in nouns_in(content.blocks, Column):
        if _can_be_empty(column.blocks):
            hint = "Put show_if beside columns, or add a block for everybody."
            message = "readers for whom no condition in this column is true would see an empty column"
            yield Problem("empty-column", message, content.place(column.path), path=column.path, hint=hint)


def _headings(content: Content) -> Iterator[Problem]:
    """Headings that some readers would see with nothing below them."""
    for number, block in enumerate(content.blocks):
        if isinstance(block, HeadingBlock):
            below = list(takewhile(lambda one: not isinstance(one, HeadingBlock), content.blocks[number + 1 :]))
            if below and _can_be_empty(below, block.show_if):
                path = f"{block.path}.heading"
                message = "some readers would see this heading with nothing below it"
                hint = "Give it a condition too, such as that of the block below, or add a block for everybody."
                yield Problem("empty-heading", message, content.place(path), Severity.WARNING, path, hint)


def _can_be_empty(blocks: Sequence[Block], beside: str = "") -> bool:
    """Whether none of these is shown to some readers for whom the condition `beside` holds, where there is one."""
    sources = {block.show_if for block in blocks if block.type not in SEPARATORS}
    if sources & {"", beside}:
        return False
    truths = variants([parse_condition(source) for source in (beside or "true", *sorted(sources))])
    return any(holds and not any(others) for holds, *others in truths)


def _blocks(content: Content) -> Iterator[Block]:
    """Every block, also those in columns."""
    for block in content.blocks:
        yield block
        for column in nouns_in(block, Column):
            yield from column.blocks
