"""Logs: lines that strangers can cause are few, and none is lost without a word."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from newsletter.app.logs import Limit


def lines(created: Sequence[float], most: int) -> list[str]:
    """What is written of the same line at these seconds."""
    limit, written = Limit(most), []
    for when in created:
        record = logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, "refused %s", ("it",), None)
        record.created = when
        if limit.filter(record):
            written.append(record.getMessage())
    return written


def test_few_lines_are_all_written() -> None:
    assert lines([0, 1, 2], 3) == ["refused it"] * 3


def test_more_lines_are_counted() -> None:
    told = "refused it (7 more like this were not logged)"
    assert lines([0] * 10 + [61, 62], 3) == ["refused it"] * 3 + [told, "refused it"]


def test_lines_of_another_kind_are_written() -> None:
    limit = Limit(1)
    records = [logging.LogRecord("asyncio", logging.ERROR, "", 0, text, (), None) for text in ("a\nx", "a\ny", "b")]
    assert [limit.filter(record) for record in records] == [True, False, True]
