"""Variants: which of an edition's conditions can be true together, tried with the values that they name."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from newsletter.expression import Condition, Scalar, holds, literals_in, names_in

MOST = 256
"""Combinations of values that are tried; with more, everything counts as shown together."""
_LOWEST, _HIGHEST = "\x01", "\U0010ffff"


def variants(conditions: Sequence[Condition]) -> list[tuple[bool, ...]]:
    """The truths of the conditions, in order, as subscribers can have them."""
    pools: dict[str, dict[Scalar | None, None]] = {}
    for condition in conditions:
        names = {name.path[-1] for name in names_in(condition)}
        found = dict.fromkeys(_around(literal.value for literal in literals_in(condition)))
        # Names in one condition may be compared with each other: they get the same values.
        together: dict[Scalar | None, None] = {None: None, _HIGHEST: None}
        together.update(dict.fromkeys(found))
        for name in names:
            pools.setdefault(name, {}).update(together)
    combinations = 1
    for pool in pools.values():
        combinations *= len(pool)
    if combinations > MOST:
        return [(True,) * len(conditions)]
    tried = (dict(zip(pools, values, strict=True)) for values in product(*pools.values()))
    truths = (tuple(holds(one, {**each, "subscriber": each}) for one in conditions) for each in tried)
    return list(dict.fromkeys(truths))


def _around(values: Iterable[Scalar]) -> Iterator[Scalar]:
    """Values, and what comes right before and after each of them."""
    for value in values:
        if isinstance(value, bool):
            yield from (True, False)
        elif isinstance(value, str):
            yield from (_LOWEST, value, f"{value}{_LOWEST}")
        else:
            yield from (value - 1, value, value + 1)
