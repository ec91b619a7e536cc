"""read_more: what is sent ends there, and the view link of what was sent goes on, from the database alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from factories import add_list, add_people
from starlette.testclient import TestClient

from newsletter.app.composing import claim_outside, message_context
from newsletter.app.issues.building import build
from newsletter.app.operating.new_project import start_project
from newsletter.app.project import Project, open_project
from newsletter.app.sending.propose import confirm, propose
from newsletter.compiler.edition import edition_to_json
from newsletter.compiler.mjml.templates import Templates
from newsletter.delivery.compose.message import fill_for
from newsletter.problem import has_errors
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.storage.ledger.freeze import freeze
from newsletter.tokens import Purpose
from newsletter.web.preview import export_preview
from newsletter.web.public import Site, public_app

NOW = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
ISSUE = """\
title: "A long story"
date: 2026-12-01
language: en
blocks:
  - text: "Dear {{ subscriber.name | default('reader') }}, this is how it began."
  - read_more: "Read the rest"
  - text: |
      So it ended, {{ subscriber.name | default("reader") }}. [Sources](https://sources.example.net/).

      [Leave]({{ link.unsubscribe }})
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    start_project(folder)
    (folder / "issues" / "story.yaml").write_text(ISSUE, encoding="utf-8")
    return open_project(folder, {"NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_NEWSLETTER__TIMEZONE": "UTC"})


def client_of(project: Project, database: Database) -> TestClient:
    signer, url = project.keys.signer, project.config.public.url
    theme = Templates(project.template_folders, root=project.folder).theme("default").theme
    assert theme is not None
    site = Site("The Weekly", theme, "en")
    journal = project.journal(database)
    return TestClient(
        public_app(database, journal, signer=lambda: signer, site=site, public_url=url, clock=lambda: NOW)
    )


def test_email_ends_and_the_served_page_goes_on(project: Project, database: Database) -> None:
    add_people(database, ["ana@example.org"], add_list(database), name="Ana")
    delivery = confirm(
        project, database, propose(project, database, project.issues / "story.yaml", ["weekly"], now=NOW), now=NOW
    )
    freeze(database, delivery.id, NOW)
    with database.read() as connection:
        recipient = connection.execute(sa.select(tables.recipients.c.id)).scalar_one()
    edition = Deliveries(database).edition(delivery.id, "en")
    urls = message_context(project, {"weekly": "Weekly"}, signer=project.keys.signer).urls
    claim = claim_outside(
        "test", recipient=recipient, address="ana@example.org", language="en", values={"name": "Ana"}, now=NOW
    )
    filled, view = fill_for(edition, claim, urls), urls.view(recipient)
    for part in (filled.html, filled.text):
        assert "Dear Ana, this is how it began." in part
        assert "So it ended" not in part
        assert view in part.partition("began.")[2].partition("unsubscribe")[0]

    (project.issues / "story.yaml").unlink()  # the page comes from the database
    page = client_of(project, database).get(f"/v/{project.keys.signer.sign(Purpose.VIEW, recipient)}")
    assert page.status_code == 200
    assert "Dear reader, this is how it began." in page.text
    assert "So it ended, reader." in page.text
    assert 'href="https://sources.example.net/"' in page.text
    assert "Read the rest" not in page.text
    assert "Ana" not in page.text
    assert urls.unsubscribe(recipient) not in page.text  # a page that is passed on unsubscribes nobody
    assert page.text.count(f'href="{project.config.public.url}/u"') == 2

    with database.write() as connection:  # as it was stored before there were pages
        stored = edition_to_json(edition)
        del stored["page"]
        connection.execute(sa.update(tables.editions).values(body=stored))
    older = client_of(project, database).get(f"/v/{project.keys.signer.sign(Purpose.VIEW, recipient)}")
    assert "this is how it began" in older.text
    assert "So it ended" not in older.text


def test_build_writes_the_page_beside_the_email(project: Project, tmp_path: Path) -> None:
    file = project.issues / "story.yaml"
    report = build(project, [file], tmp_path / "out")
    assert not has_errors(report.problems)
    folder = tmp_path / "out" / "story"
    assert "So it ended, reader." in (folder / "en.page.html").read_text(encoding="utf-8")
    assert "So it ended" not in (folder / "en.html").read_text(encoding="utf-8")
    [entry] = json.loads((tmp_path / "out" / "build.json").read_text(encoding="utf-8"))["editions"]
    assert "story/en.page.html" in entry["files"]

    file.write_text(ISSUE.replace('  - read_more: "Read the rest"\n', ""), encoding="utf-8")
    build(project, [file], tmp_path / "out")
    assert not (folder / "en.page.html").exists()
    assert "So it ended" in (folder / "en.html").read_text(encoding="utf-8")


def test_preview_shows_the_page(project: Project, tmp_path: Path) -> None:
    export_preview(project, tmp_path / "preview")
    folder = tmp_path / "preview" / "issues" / "story" / "en"
    sheet = (folder / "kim.html").read_text(encoding="utf-8")
    assert 'src="kim.page-dark.html"' in sheet
    assert "So it ended, reader." in (folder / "kim.page-light.html").read_text(encoding="utf-8")
    assert "So it ended" not in (folder / "kim.light.html").read_text(encoding="utf-8")
    assert "page-" not in (folder.parents[1] / "welcome" / "en" / "kim.html").read_text(encoding="utf-8")
