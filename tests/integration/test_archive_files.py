"""`newsletter archive`: corrections and earlier issues are taken in from files, and everything is written as files."""

from __future__ import annotations

import json
import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import sqlalchemy as sa
from factories import NOW, make_edition, make_order
from shell import newsletter

from newsletter.app.operating.database import connect
from newsletter.app.operating.new_project import start_project
from newsletter.app.project import open_project
from newsletter.storage.database import tables
from newsletter.storage.ledger.deliveries import Deliveries

LETTER = """\
title: "The first letter"
date: 2021-03-04
sent: 2021-03-04
language: en
send: {list: weekly}
blocks: ["Dear {{ subscriber.name | default('reader') }}, see [this](https://example.org/)."]
"""
SENT = "<html><head></head><body><p>As it was sent</p></body></html>"
CORRECTED = 'corrections:\n  - {date: 2021-03-05, text: "It was [Noor](https://example.org/noor)."}\n'


class Archived:
    """A project with a public list and an issue of an earlier day, spoken to through its commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        start_project(folder)
        self.file = folder / "issues" / "first-letter" / "issue.yaml"
        self.file.parent.mkdir()
        self.file.write_text(LETTER, encoding="utf-8")
        assert self.run("lists", "add", "weekly", "--public")[0] == 0

    def run(self, *arguments: str) -> tuple[int, str, str]:
        done = newsletter("-C", str(self.folder), *arguments)
        return done.returncode, done.stdout, done.stderr

    def json(self, *arguments: str) -> Any:
        code, out, err = self.run(*arguments, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    def files(self, name: str) -> dict[str, bytes]:
        out = self.folder / name
        assert self.run("archive", "--export", str(out))[0] == 0
        return {str(file.relative_to(out)): file.read_bytes() for file in out.rglob("*") if file.is_file()}


@pytest.fixture
def archived(tmp_path: Path) -> Archived:
    return Archived(tmp_path / "news")


def test_issue_of_an_earlier_day_is_archived_and_never_sent(archived: Archived) -> None:
    assert archived.json("archive")["issues"] == []
    taken = archived.json("archive", "first-letter")
    assert taken["taken_in"] == [{"issue": "first-letter", "added": True, "corrected": []}]
    (issue,) = taken["issues"]
    assert (issue["issue"], issue["languages"], issue["published"][:10]) == ("first-letter", ["en"], "2021-03-04")
    (delivery,) = archived.json("deliveries", "list")
    assert (delivery["state"], delivery["reason"]) == ("finished", "sent before it was archived here")
    assert archived.json("deliveries", "verify", delivery["delivery"])["reconciled"] is True
    archived.run("subscribers", "add", "ana@example.org", "--list", "weekly")
    for more in ([], ["--again"], ["--dry-run"], ["--at", "2099-01-01 09:00"]):
        code, _, err = archived.run("send", "first-letter", "--list", "weekly", "--yes", *more)
        assert code == 2
        assert "sent on 2021-03-04" in err
        assert "newsletter archive PATH" in err
    assert len(archived.json("deliveries", "list")) == 1


def test_change_of_an_earlier_issue_is_taken_in_and_nothing_else_is(archived: Archived) -> None:
    archived.json("archive", "first-letter")
    assert archived.json("archive", "issues")["taken_in"] == [
        {"issue": "first-letter", "added": False, "corrected": []}  # and the welcome issue was never sent
    ]
    archived.file.write_text(LETTER.replace("first letter", "very first letter") + CORRECTED, encoding="utf-8")
    assert archived.json("archive", "issues")["taken_in"] == [
        {"issue": "first-letter", "added": True, "corrected": ["en"]}
    ]
    assert len(archived.json("deliveries", "list")) == 1
    page = archived.files("out")["issue/first-letter/en/index.html"].decode()
    assert "The very first letter" in page
    assert 'It was <a href="https://example.org/noor">Noor</a>.' in page
    archived.file.write_text(LETTER, encoding="utf-8")
    assert archived.json("archive", "issues")["taken_in"][0]["corrected"] == ["en"]


def test_correction_of_an_issue_that_was_sent_leaves_its_text_as_it_was(archived: Archived) -> None:
    with closing(connect(open_project(archived.folder, {}))) as database:
        editions = tuple(make_edition(language, "welcome", html=SENT) for language in ("en", "de"))
        Deliveries(database).create(replace(make_order(issue="welcome"), editions=editions), NOW)
        with database.write() as connection:
            values = {"state": "finished", "started_at": NOW, "finished_at": NOW}
            connection.execute(sa.update(tables.deliveries).values(**values))
    issue = archived.folder / "issues" / "welcome" / "issue.yaml"
    issue.write_text(f"{issue.read_text(encoding='utf-8')}\n{CORRECTED}", encoding="utf-8")
    german = issue.with_name("issue.de.yaml")
    written = german.read_text(encoding="utf-8")
    german.write_text(f"{written}\ncorrections: [{{text: Es war Noor.}}]\n", encoding="utf-8")
    (taken,) = archived.json("archive", "welcome")["taken_in"]
    assert (taken["added"], sorted(taken["corrected"])) == (False, ["de", "en"])
    with closing(connect(open_project(archived.folder, {}))) as database:
        assert Deliveries(database).edition("delivery1", "en").html == SENT
    files = archived.files("out")
    german_page = files["issue/welcome/de/index.html"].decode()
    assert '<time datetime="2021-03-05">5. März 2021</time>' in german_page
    assert "Es war Noor." in german_page
    assert "As it was sent" in german_page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("sent: 2021", "sent: 2999"), "a day to come"),
        (lambda text: text.replace("send: {list: weekly}\n", ""), "which list was it sent to?"),
        (lambda text: text.replace("{list: weekly}", "{list: monthly}"), "no list"),
        (lambda text: text.replace("reader') }}", "reader') }"), "merge field"),
        (
            lambda text: text + CORRECTED.replace("It was", "{{ subscriber.name | default(1) }}"),
            "merge field cannot be used here",
        ),
        (lambda text: text + CORRECTED.replace("2021-03-05", "5 March"), "not a date"),
    ],
)
def test_issue_that_cannot_be_archived_says_why(archived: Archived, change: Any, said: str) -> None:
    archived.file.write_text(change(LETTER), encoding="utf-8")
    code, _, err = archived.run("archive", "first-letter")
    assert code in (1, 2)
    assert said in err
    assert archived.json("deliveries", "list") == []


def test_export_of_an_archive_that_became_empty_leaves_nothing_public(archived: Archived) -> None:
    archived.json("archive", "first-letter")
    kept = archived.files("out").keys()
    listed = archived.folder / "out" / ".newsletter-archive.json"
    listed.write_text(json.dumps([*kept, "", "archive", "/etc/hostname", "../newsletter.toml"]))
    assert archived.run("lists", "edit", "weekly", "--private")[0] == 0
    assert archived.files("out").keys() == {listed.name}
    assert (archived.folder / "newsletter.toml").exists()


def test_export_is_whole_and_the_same_each_time(archived: Archived) -> None:
    assert archived.run("archive", "--export", str(archived.folder / "out"))[0] == 1
    hero = archived.folder / "issues" / "welcome"
    picture = next(file for file in hero.iterdir() if file.suffix in (".png", ".jpg"))
    (archived.file.parent / picture.name).write_bytes(picture.read_bytes())
    archived.file.write_text(f'{LETTER}hero: {{image: {picture.name}, alt: "A"}}\n', encoding="utf-8")
    archived.json("archive", "first-letter")
    first = archived.files("one")
    assert first == archived.files("two") == archived.files("one")
    assert {
        "index.html",
        "archive/en/rss.xml",
        "sitemap.xml",
        "u/index.html",
        "issue/first-letter/en/index.html",
    } <= set(first)
    assert sum(name.startswith("assets/") for name in first) > 0
    pages = {name: data.decode() for name, data in first.items() if name.endswith(".html")}
    for name, html in pages.items():
        for url in re.findall(r'(?:href|src)="([^"#]+)"', html):
            if re.match(r"[a-z]+:", url):
                continue
            there = urljoin(f"https://host.test/below/{name}", url)
            assert there.startswith("https://host.test/below/"), (name, url)
            path = there.removeprefix("https://host.test/below/")
            assert (f"{path}index.html" if path.endswith("/") or not path else path) in first, (name, url)


def test_export_removes_what_is_no_longer_public_and_nothing_else(archived: Archived) -> None:
    archived.json("archive", "first-letter")
    second = archived.folder / "issues" / "second" / "issue.yaml"
    second.parent.mkdir()
    second.write_text(LETTER.replace("weekly", "other"), encoding="utf-8")
    archived.run("lists", "add", "other", "--public")
    archived.json("archive", "second")
    before = archived.files("out")
    (archived.folder / "out" / "CNAME").write_text("news.example.org\n", encoding="utf-8")
    assert archived.run("lists", "edit", "other", "--private")[0] == 0
    after = archived.files("out")
    assert set(before) - set(after) == {"issue/second/en/index.html"}
    assert "second" not in after["index.html"].decode()
    assert after["CNAME"] == b"news.example.org\n"


def test_mended_link_leads_elsewhere_and_only_a_link_of_the_issue_can_be_mended(archived: Archived) -> None:
    archived.json("archive", "first-letter")
    for wrong, right, said in [
        ("https://example.com/", "https://right.example/", "https://example.org/"),
        ("https://example.org/", "javascript:alert(1)", "no URL"),
        ("https://example.org/", "//right.example", "no URL"),
        ("https://example.org/", "https://right.example/?{{ subscriber.name }}", "no URL"),
    ]:
        code, _, err = archived.run("deliveries", "link", "first-letter", "--from", wrong, "--to", right)
        assert (code, said in err) == (2, True)
    mend = ("deliveries", "link", "first-letter", "--from", "https://example.org/", "--to")
    assert archived.json(*mend, "https://right.example/?a=1&b=2")["languages"] == ["en"]
    files = archived.files("out")
    assert b'href="https://right.example/?a=1&amp;b=2"' in files["issue/first-letter/en/index.html"]
    assert b"https://example.org/" not in files["archive/en/feed.json"]
    with closing(connect(open_project(archived.folder, {}))) as database, database.read() as connection:
        (event,) = connection.execute(sa.select(tables.events).where(tables.events.c.kind == "link-mended")).all()
    assert event.data == {"language": "en", "from": "https://example.org/", "to": "https://right.example/?a=1&b=2"}
    archived.json(*mend, "https://example.org/")
    assert b'href="https://example.org/"' in archived.files("out")["issue/first-letter/en/index.html"]
