"""Leaving, said by many at once: it happens once, and undoing it happens once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from newsletter.app.audience.unsubscribe import Unsubscribed, resubscribe, unsubscribe
from newsletter.feedback.unsubscribe import Wish
from newsletter.tokens import Purpose

if TYPE_CHECKING:
    from integration.web.conftest import World


def at_once(act: Callable[[], object], number: int = 6) -> list[object]:
    """Do a thing in several threads that start together; what each got."""
    gate = threading.Barrier(number)
    results: list[object] = []

    def run() -> None:
        gate.wait()
        results.append(act())

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_many_clicks_at_once_are_one_opt_out_and_many_undos_one_return(world: World, reader: str) -> None:
    token = world.token(Purpose.UNSUBSCRIBE, reader)

    def click() -> Unsubscribed:
        now = world.clock()
        return asyncio.run(unsubscribe(world.database, world.journal, world.signer, token, Wish.ONE_CLICK, now))

    results = at_once(click)
    assert sorted(result.changed for result in results) == [False] * 5 + [True]  # type: ignore[attr-defined]
    (undo,) = {result.undo for result in results}  # type: ignore[attr-defined]
    returned = at_once(lambda: resubscribe(world.database, world.journal, world.signer, undo, world.clock()))
    assert sorted(result.changed for result in returned) == [False] * 5 + [True]  # type: ignore[attr-defined]
    assert {result.undone for result in returned} == {"back"}  # type: ignore[attr-defined]
    assert world.consents(1) == {1: "confirmed", 2: "pending", 3: "confirmed"}
    assert [event.kind for event in world.events()] == ["unsubscribed", "resubscribed"]
