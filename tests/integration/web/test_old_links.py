"""Links in emails of the tool that a newsletter came from go on unsubscribing, and do nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories import NOW, add_list
from starlette.testclient import TestClient

from newsletter.app.audience.importing import ImportOrder, import_subscribers
from newsletter.app.audience.subscribers import erase_subscriber_everywhere, show_subscriber
from newsletter.app.project import Project
from newsletter.audience.importing.profiles import State
from newsletter.config import Config, DatabaseSection
from newsletter.service import site_of
from newsletter.storage.database.database import Database
from newsletter.web.public import public_app

UUID = "0b6e3f5a-9d5c-4a52-8f3e-0d8a0c1f7e21"
OTHER = "5f0c9d1e-1111-4222-8333-444455556666"
CAMPAIGN = "c0ffee00-0000-4000-8000-000000000000"
LINK = f"/subscription/{CAMPAIGN}/{UUID}"
EXPORT = f"""\
uuid,email,name,attributes,status,created_at,updated_at
{UUID},ana@example.com,Ana,{{}},enabled,2024-01-01T00:00:00Z,2024-01-01T00:00:00Z
{OTHER},bo@example.com,Bo,{{}},enabled,2024-01-01T00:00:00Z,2024-01-01T00:00:00Z
short,cy@example.com,Cy,{{}},enabled,2024-01-01T00:00:00Z,2024-01-01T00:00:00Z
"""


@pytest.fixture
def project(database_url: str, tmp_path: Path) -> Project:
    return Project(folder=tmp_path, config=Config(database=DatabaseSection(url=database_url)))


@pytest.fixture
def pages(project: Project, database: Database, tmp_path: Path) -> TestClient:
    """The public pages of a newsletter whose two lists were moved in from listmonk."""
    for slug in ("weekly", "monthly"):
        add_list(database, slug)
    file = tmp_path / "listmonk.csv"
    file.write_text(EXPORT, encoding="utf-8")
    move_in(project, database, tmp_path)
    app = public_app(
        database, project.journal(database), signer=lambda: project.keys.signer, site=site_of(project),
        public_url="http://testserver", clock=lambda: NOW, old_links=["/subscription/:campaign/:subscriber"],
    )  # fmt: skip
    return TestClient(app)


def move_in(project: Project, database: Database, folder: Path) -> None:
    order = ImportOrder(folder / "listmonk.csv", ("weekly", "monthly"), status=State("confirmed"), basis="asked")
    import_subscribers(project, database, order, now=NOW)


def consents(project: Project, database: Database, address: str) -> set[str]:
    return {one.consent.value for one in show_subscriber(project, database, address).subscriptions}


def test_get_shows_a_button_and_changes_nothing(pages: TestClient, project: Project, database: Database) -> None:
    for _ in range(2):
        page = pages.get(LINK)
    assert (page.status_code, "Weekly" in page.text, "<button" in page.text) == (200, True, True)
    assert "ana" not in page.text.lower()
    assert consents(project, database, "ana@example.com") == {"confirmed"}


@pytest.mark.parametrize("body", [{"List-Unsubscribe": "One-Click"}, {"answer": "yes"}])
def test_post_unsubscribes_from_everything(
    pages: TestClient, project: Project, database: Database, body: dict[str, str]
) -> None:
    assert pages.post(LINK, data=body).status_code == 200
    assert consents(project, database, "ana@example.com") == {"unsubscribed"}
    assert consents(project, database, "bo@example.com") == {"confirmed"}
    assert pages.post(LINK, data=body).status_code == 200
    assert "<button" not in pages.get(LINK).text


def test_anything_else_is_no_link(pages: TestClient, project: Project, database: Database) -> None:
    assert pages.post(LINK, data={"answer": "no"}).status_code == 400
    assert pages.get(f"/subscription/{CAMPAIGN}/{CAMPAIGN}").status_code == 404
    assert pages.post(f"/subscription/{CAMPAIGN}/short", data={"answer": "yes"}).status_code == 404
    assert pages.post(f"/u/{UUID}", data={"answer": "yes"}).status_code == 404
    assert consents(project, database, "cy@example.com") == {"confirmed"}
    erase_subscriber_everywhere(project, database, "ana@example.com", now=NOW)
    assert pages.get(LINK).status_code == 404


def test_later_import_does_not_bring_back_who_left(
    pages: TestClient, project: Project, database: Database, tmp_path: Path
) -> None:
    pages.post(LINK, data={"answer": "yes"})
    move_in(project, database, tmp_path)
    assert consents(project, database, "ana@example.com") == {"unsubscribed"}
