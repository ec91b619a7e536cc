"""500 hostile values typed into the form: the page that shows them again has no element more, and keeps the words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.web.doors import ANA, Doors, open_doors
from naughty import NAUGHTY, UNSEEN, Elements, essence

from newsletter.audience.importing.cells import clean
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database


@pytest.fixture
def doors(database: Database, database_url: str, tmp_path: Path) -> Iterator[Doors]:
    yield from open_doors(database, database_url, tmp_path)


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # nothing of it is stored
def test_form_shows_what_was_typed_and_nothing_more(doors: Doors) -> None:
    plain = Elements(doors.client.post("/subscribe/news", data={"email": ANA, "name": "Ana"}).text)
    assert plain.values["name.value"] == "Ana"
    for value in NAUGHTY:
        typed = value.encode("utf-8", "replace").decode()
        if len(typed.encode()) > 1300:  # longer ones are no form of ours
            continue
        page = Elements(doors.client.post("/subscribe/news", data={"email": ANA, "name": typed}).text)
        assert page.found == plain.found, repr(value)
        shown = page.values["name.value"]
        assert essence(shown) == essence(" ".join(clean(typed).split())[:100]), repr(value)
        assert not UNSEEN.search(shown), repr(value)


def test_name_of_a_sign_up_is_stored_and_never_in_the_confirmation(doors: Doors) -> None:
    for number, value in enumerate(NAUGHTY[10::120]):
        email = f"n{number}@example.org"
        typed = value.encode("utf-8", "replace").decode()
        assert doors.sign_up(email, name=typed).status_code == 200
        [(recipient, message)] = doors.work()
        assert recipient == email
        assert len(essence(typed)) < 3 or typed not in message.as_string()
    assert len(doors.rows(tables.signups)) == len(NAUGHTY[10::120])
