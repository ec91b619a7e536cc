"""Who unsubscribes while the database is away, or while the journal cannot take it."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from newsletter.app.audience.unsubscribe import unsubscribe
from newsletter.audience.consent import Consent
from newsletter.errors import StorageError
from newsletter.feedback.unsubscribe import Wish
from newsletter.storage.journal.journal import Journal
from newsletter.tokens import Purpose

if TYPE_CHECKING:
    from pathlib import Path

    from integration.web.conftest import World

URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
ONE_CLICK, BUTTON = "List-Unsubscribe=One-Click", "answer=yes"


@pytest.fixture
def full_disk() -> Iterator[Callable[[], None]]:
    """Let no file of this process grow."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def links(world: World, count: int) -> list[str]:
    people = [world.add(number, {1: Consent.CONFIRMED}, address=f"p{number}@example.org") for number in range(1, count)]
    return [f"/u/{world.token(Purpose.UNSUBSCRIBE, one)}" for one in people]


def post(world: World, url: str, body: str = ONE_CLICK) -> int:
    return world.client.post(url, content=body, headers=URLENCODED).status_code


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_opt_outs_are_answered_while_the_database_is_away_and_hold_once_it_is_back(
    world: World, tmp_path: Path
) -> None:
    first, second, third, fourth = links(world, 5)
    (tmp_path / "newsletter.db").rename(tmp_path / "away.db")
    assert [post(world, url) for url in (first, first, second)] == [200] * 3
    assert world.client.get(third).status_code == 200
    assert post(world, third, BUTTON) == 200
    assert post(world, "/u/" + "a" * 40) == 404
    assert world.client.get(fourth.replace("/u/", "/v/")).status_code in (404, 503)
    (tmp_path / "away.db").rename(tmp_path / "newsletter.db")
    assert world.consents(1) == {1: "confirmed"}
    world.journal.keep_up()
    assert [world.consents(number)[1] for number in (1, 2, 3, 4)] == ["unsubscribed"] * 3 + ["confirmed"]
    assert "You are not subscribed" in world.client.get(first).text
    page = world.client.post(first, content=BUTTON, headers=URLENCODED)
    assert "../r/" in page.text  # it can be undone, as any other


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_without_a_disk_that_lasts_nobody_is_told_that_they_are_out(world: World, tmp_path: Path) -> None:
    recipient = world.add(1, {1: Consent.CONFIRMED}, address="ana@example.org")
    token = world.token(Purpose.UNSUBSCRIBE, recipient)
    with Journal(tmp_path / "passing", world.database, adopted=world.journal.identity) as journal:
        (tmp_path / "newsletter.db").rename(tmp_path / "away.db")
        with pytest.raises(StorageError):  # the pages answer it with 503
            asyncio.run(unsubscribe(world.database, journal, world.signer, token, Wish.ONE_CLICK, world.clock()))
        (tmp_path / "away.db").rename(tmp_path / "newsletter.db")
        asyncio.run(unsubscribe(world.database, journal, world.signer, token, Wish.ONE_CLICK, world.clock()))
    assert world.consents(1) == {1: "unsubscribed"}


def test_journal_on_a_full_disk_answers_503(world: World, full_disk: Callable[[], None]) -> None:
    [url] = links(world, 2)
    full_disk()
    assert post(world, url) == 503
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    assert world.consents(1) == {1: "confirmed"}
    assert post(world, url) == 200
    assert world.consents(1) == {1: "unsubscribed"}
