"""Formulas: when each block of an edition is shown, from the `show_if` of all of them. Open in the templates' child.

A formula is a condition over the truth of the authors' conditions, as text: `(shown.c1 and not shown.c2)`; empty for
always. A recipient's data decide the authors' conditions once, these decide the formulas.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

ALWAYS = ""
SEPARATORS = frozenset({"divider", "spacer"})
"""Types of blocks that say nothing."""


class Conditional(Protocol):
    """A block, of which only this is known."""

    @property
    def type(self) -> str: ...  # noqa: D102
    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def show_if(self) -> str: ...  # noqa: D102


_Block = TypeVar("_Block")


def all_of(formulas: Iterable[str]) -> str:
    """The formula that holds when all of these do."""
    parts = list(dict.fromkeys(filter(None, formulas)))
    return parts[0] if len(parts) == 1 else f"({' and '.join(parts)})" if parts else ALWAYS


def any_of(formulas: Iterable[str]) -> str:
    """The formula that holds when one of these does."""
    parts = list(dict.fromkeys(formulas))
    if ALWAYS in parts or not parts:
        return ALWAYS
    return parts[0] if len(parts) == 1 else f"({' or '.join(parts)})"


def formulas_of(blocks: Sequence[Conditional], known: Sequence[str]) -> dict[str, str]:
    """Path → formula of the blocks in a row that not everybody gets. `known`: the authors' conditions, in order.

    A divider or spacer is shown only where something is shown since the last one, and something after it: blocks that
    are hidden leave no line or gap.
    """
    own = {block.path: f"shown.c{known.index(block.show_if) + 1}" if block.show_if else ALWAYS for block in blocks}
    found: dict[str, str] = {}
    since: list[str] = []
    before: list[str] = []
    for number, block in enumerate(blocks):
        if block.type not in SEPARATORS:
            since.append(own[block.path])
            found[block.path] = own[block.path]
            continue
        if since:  # else it belongs to the separator right before it
            before, since = since, []
        after = [own[one.path] for one in blocks[number + 1 :] if one.type not in SEPARATORS]
        found[block.path] = all_of([own[block.path], any_of(before), any_of(after)])
    return {path: formula for path, formula in found.items() if formula}


def nearest(own: str, before: Sequence[tuple[str, _Block]], first: _Block) -> list[tuple[str, _Block]]:
    """What can be shown right before a block whose formula is `own`, the nearest first: each counts where none before
    it in this list is shown. The last one's formula is always.

    `before`: the blocks in front of it with their formulas, `first` what comes before all of these.
    """
    found: list[tuple[str, _Block]] = []
    for formula, block in reversed(before):
        if formula in (ALWAYS, own):
            return [*found, (ALWAYS, block)]
        if all(formula != one for one, _ in found):  # else it is hidden where the nearer one is
            found.append((formula, block))
    return [*found, (ALWAYS, first)]


def chosen(own: str, looks: Sequence[tuple[str, bool]]) -> str:
    """The formula of one look of a block. `looks`: as `nearest` gives them, formulas and whether it looks so then."""
    rest: str | None = None
    """Of the rest of the list; None for never."""
    for formula, is_so in reversed(looks):
        if is_so:
            rest = formula if rest is None else any_of([formula, rest])
        elif rest is not None:
            rest = all_of([f"not {formula}", rest])
    return all_of([own, rest or ALWAYS])
