"""The archive: which issues everybody may read, as pages, feeds and a sitemap, and that nothing personal is in them."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import feedparser
import pytest
import sqlalchemy as sa
from integration.web.conftest import ASSET, START, URL, edition

from newsletter.audience.consent import Consent
from newsletter.compiler.edition import Card, Region
from newsletter.expression import Condition, parse_condition
from newsletter.storage.database import tables
from newsletter.storage.ledger.deliveries import Deliveries, NewDelivery
from newsletter.tokens import Purpose

if TYPE_CHECKING:
    from integration.web.conftest import World

ISSUE = "/issue/2024-01-25/en/"
FEEDS = ("atom.xml", "rss.xml", "feed.json")


def publish(world: World, slug: str = "weekly", *, public: bool = True) -> None:
    with world.database.write() as connection:
        connection.execute(sa.update(tables.lists).where(tables.lists.c.slug == slug).values(public=public))


def finish(world: World, delivery: str = "delivery1", state: str = "finished", days: int = 0) -> None:
    at = START + timedelta(days=days)
    with world.database.write() as connection:
        connection.execute(
            sa.update(tables.deliveries)
            .where(tables.deliveries.c.id == delivery)
            .values(state=state, started_at=at, finished_at=at)
        )


def deliver(world: World, name: str, issue: str, days: int, **changes: Any) -> None:
    """One more finished delivery of a public list."""
    made = replace(edition(), issue=issue, **changes)
    order = NewDelivery(id=name, issue=issue, hash=name * 3, lists=("weekly",), editions=(made,))
    Deliveries(world.database).create(order, START)
    finish(world, name, days=days)


def amend(world: World, at: datetime, **values: Any) -> None:
    row = {"issue": "2024-01-25", "language": "en", "corrections": [], "links": {}, "amended_at": at} | values
    with world.database.write() as connection:
        connection.execute(sa.insert(tables.amendments), row)


@pytest.fixture
def archive(world: World) -> World:
    publish(world)
    finish(world)
    return world


def page(world: World, path: str, **headers: str) -> str:
    answer = world.client.get(path, headers=headers)
    assert answer.status_code == 200, path
    return str(answer.text)


@pytest.mark.parametrize(("state", "public"), [("finished", False), ("cancelled", True), ("sending", True)])
def test_only_finished_deliveries_of_public_lists_are_shown(world: World, state: str, public: bool) -> None:
    publish(world, public=public)
    if state != "sending":
        finish(world, state=state)
    assert "2024-01-25" not in page(world, "/")
    for path in (ISSUE, "/archive/", "/archive/en/", "/archive/en/rss.xml", "/sitemap.xml"):
        assert world.client.get(path).status_code == 404, path
    assert page(world, "/robots.txt") == "User-agent: *\nDisallow: /\n"


def test_issue_for_a_segment_alone_is_not_shown(archive: World) -> None:
    deliver(archive, "two", "two", 7)
    assert "/issue/two/" in page(archive, "/")
    with archive.database.write() as connection:
        narrowed = sa.update(tables.deliveries).where(tables.deliveries.c.id == "two")
        connection.execute(narrowed.values(segment='country == "DE"'))
    assert "/issue/two/" not in page(archive, "/")
    assert archive.client.get("/issue/two/en/").status_code == 404


def test_every_page_leads_to_the_issue_and_is_for_everybody(archive: World) -> None:
    archive.add(1, {1: Consent.CONFIRMED}, address="ana@example.org", name="Ana Secret")
    for path in ("/", "/archive/", "/archive/en/", ISSUE, "/archive/en/rss.xml", "/archive/en/feed.json"):
        answer = archive.client.get(path)
        assert answer.status_code == 200
        assert answer.headers["x-robots-tag"] == "all"
        assert "set-cookie" not in answer.headers
        assert "<script" not in answer.text
        assert not re.search(r"Ana|secret|/u/[a-z2-7]|/v/[a-z2-7]|q0", answer.text), path
    assert 'href="./issue/2024-01-25/en/"' in page(archive, "/")
    assert 'href="../../issue/2024-01-25/en/"' in page(archive, "/archive/en/")
    shown = page(archive, ISSUE)
    assert "<p>Hello dear reader</p>" in shown
    assert 'href="https://example.org/?t="' in shown
    assert '<a href="../../../u/">leave</a>' in shown
    assert page(archive, "/u/") == page(archive, "/u")


def test_conditions_are_those_of_nobody(archive: World) -> None:
    formulas = ("shown.c1", "not shown.c1")
    regions = tuple(Region(f"q0r{number}z", parse_condition(one)) for number, one in enumerate(formulas))
    html = "<html><head></head><body>q0r0z<p>members</p>q0r0eq0r1z<p>join</p>q0r1e</body></html>"
    conditions: tuple[Condition, ...] = (parse_condition('plan == "member"'),)
    deliver(archive, "two", "two", 7, html=html, regions=regions, conditions=conditions, notes="q0t")
    shown = page(archive, "/issue/two/en/")
    assert "<p>join</p>" in shown
    assert "members" not in shown


def test_image_is_shown_wherever_the_pages_were_when_it_was_sent(archive: World) -> None:
    html = f'<html><head></head><body><img alt="A" src="http://old.example/assets/{ASSET.name}"></body></html>'
    html += f"<!-- https://other.example/assets/{'f' * 32}.png -->"
    deliver(archive, "two", "two", 7, html=html)
    shown = page(archive, "/issue/two/en/")
    assert f'src="../../../assets/{ASSET.name}"' in shown
    assert f"https://other.example/assets/{'f' * 32}.png" in shown
    assert f"{URL}/assets/{ASSET.name}" in page(archive, "/archive/en/rss.xml")
    assert archive.client.get(f"/assets/{ASSET.name}").status_code == 200


def test_language_has_pages_of_its_own_that_name_the_others(archive: World) -> None:
    shown = page(archive, ISSUE)
    for language in ("en", "zh"):
        assert f'<link rel="alternate" hreflang="{language}" href="{URL}/issue/2024-01-25/{language}/">' in shown
        assert f'hreflang="{language}" href="{URL}/archive/{language}/"' in page(archive, "/archive/zh/")
    assert f'<link rel="canonical" href="{URL}{ISSUE}">' in shown
    assert 'hreflang="zh" lang="zh"' in shown
    assert "全部各期" in page(archive, "/issue/2024-01-25/zh/")
    for path in ("/", "/archive/"):
        answer = archive.client.get(path, headers={"Accept-Language": "fr, en;q=0.5"})
        assert (answer.headers["content-language"], answer.headers["vary"]) == ("en", "Accept-Language")
        answer = archive.client.get(path, headers={"Accept-Language": "zh-CN, en;q=0.5"})
        assert answer.headers["content-language"] == "zh"
    deliver(archive, "two", "two", 7)
    assert "two" not in page(archive, "/archive/zh/rss.xml")
    assert archive.client.get("/issue/two/zh/").status_code == 404


def test_page_is_canonical_where_the_issue_first_appeared(archive: World) -> None:
    card = Card(summary="S & <T>", day=date(2024, 2, 1), source="https://first.example/a?b=1&c=2", picture=ASSET.name)
    deliver(archive, "two", "two", 7, card=card, title='A "title" & more')
    shown = page(archive, "/issue/two/en/")
    assert '<link rel="canonical" href="https://first.example/a?b=1&amp;c=2">' in shown
    assert f'<meta property="og:url" content="{URL}/issue/two/en/">' in shown
    assert '<meta property="og:title" content="A &#34;title&#34; &amp; more">' in shown
    assert '<meta name="description" content="S &amp; &lt;T&gt;">' in shown
    assert f'<meta property="og:image" content="{URL}/assets/{ASSET.name}">' in shown
    assert "summary_large_image" in shown
    assert "1 February 2024" in page(archive, "/")


def test_feeds_are_valid_and_say_the_same(archive: World) -> None:
    deliver(archive, "two", "two", 7, title="A & B\x01", card=Card(summary="Short <1>"))
    seen = []
    for name in FEEDS[:2]:
        answer = archive.client.get(f"/archive/en/{name}")
        ET.fromstring(answer.content)
        feed = feedparser.parse(answer.content)
        assert not feed.bozo
        assert {"atom.xml": "atom10", "rss.xml": "rss20"}[name] == feed.version
        assert feed.feed.title == "The <b>Weekly</b>"
        assert [link.href for link in feed.feed.links if link.rel == "self"] == [f"{URL}/archive/en/{name}"]
        seen.append([(one.id, one.link, one.title, one.content[0].value) for one in feed.entries])
        assert [one.published_parsed[:3] for one in feed.entries] == [(2024, 2, 1), (2024, 1, 25)]
        assert feed.entries[0].summary == "Short <1>" or "Short &lt;1&gt;" in feed.entries[0].summary
    read = json.loads(archive.client.get("/archive/en/feed.json").content)
    assert read["version"] == "https://jsonfeed.org/version/1.1"
    items = [(one["id"], one["url"], one["title"].strip("\x01"), one["content_html"]) for one in read["items"]]
    assert [row[:3] for row in seen[0]] == [row[:3] for row in seen[1]] == [row[:3] for row in items]
    assert items[0][1:3] == (f"{URL}/issue/two/en/", "A & B")
    assert "<p>Hello dear reader</p>" in items[0][3]
    assert len({row[0] for row in items}) == 2


def test_id_in_a_feed_stays_when_the_issue_is_sent_again(archive: World) -> None:
    before = feedparser.parse(archive.client.get("/archive/en/atom.xml").content).entries[0]
    deliver(archive, "again", "2024-01-25", 30, title="Frontiers, corrected")
    after = feedparser.parse(archive.client.get("/archive/en/atom.xml").content).entries[0]
    assert (after.id, after.published, after.title) == (before.id, before.published, "Frontiers, corrected")
    assert after.updated > before.updated
    assert feedparser.parse(archive.client.get("/archive/zh/atom.xml").content).entries == []


def test_correction_stands_on_the_page_and_moves_the_feed(archive: World) -> None:
    later = datetime(2024, 1, 27, 12, tzinfo=UTC)
    amend(archive, later, corrections=[["2024-01-26", "It was [Ana](https://ana.example), not <b>Bo</b>."]])
    shown = page(archive, ISSUE)
    assert '<strong>Correction</strong> <time datetime="2024-01-26">26 January 2024</time>' in shown
    assert 'It was <a href="https://ana.example">Ana</a>, not &lt;b&gt;Bo&lt;/b&gt;.' in shown
    assert shown.index("Correction") < shown.index("Hello dear reader")
    assert "Correction" not in page(archive, "/issue/2024-01-25/zh/")
    entry = feedparser.parse(archive.client.get("/archive/en/atom.xml").content).entries[0]
    assert entry.updated == "2024-01-27T12:00:00+00:00"
    assert "not &lt;b&gt;Bo" in entry.content[0].value
    recipient = archive.add(1, {1: Consent.CONFIRMED}, address="ana@example.org")
    viewed = archive.client.get(f"/v/{archive.token(Purpose.VIEW, recipient)}")
    assert "26 January 2024" in viewed.text
    assert viewed.headers["x-robots-tag"] == "noindex, nofollow"
    assert "canonical" not in viewed.text


def test_mended_link_leads_elsewhere_on_every_page(archive: World) -> None:
    recipient = archive.add(1, {1: Consent.CONFIRMED}, address="ana@example.org")
    paths = (ISSUE, f"/v/{archive.token(Purpose.VIEW, recipient)}", "/archive/en/rss.xml")
    assert all("example.org/?t=" in page(archive, path) for path in paths)  # the editions are kept from now on
    amend(archive, START + timedelta(days=2), links={"https://example.org/?t=": "https://right.example/?a=1&b=2"})
    for path in paths:
        shown = page(archive, path).replace("&amp;amp;", "&amp;")
        assert "https://right.example/?a=1&amp;b=2" in shown
        assert "example.org/?t=" not in shown


def test_edition_that_was_replaced_is_shown(archive: World) -> None:
    recipient = archive.add(1, {1: Consent.CONFIRMED}, address="ana@example.org")
    paths = (ISSUE, f"/v/{archive.token(Purpose.VIEW, recipient)}")
    assert all("Hello dear reader" in page(archive, path) for path in paths)
    new = replace(edition(), html=edition().html.replace("Hello", "Welcome"), hash="1" * 64)
    order = NewDelivery(id=archive.delivery, issue="2024-01-25", hash="1" * 64, lists=("weekly",), editions=(new,))
    Deliveries(archive.database).keep_past(order, START)
    assert all("Welcome dear reader" in page(archive, path) for path in paths)


def test_client_that_has_the_newest_gets_no_body(archive: World) -> None:
    for path in ("/", "/archive/en/", ISSUE, "/archive/en/atom.xml", "/sitemap.xml", "/robots.txt"):
        first = archive.client.get(path)
        assert first.headers["cache-control"] == "public, max-age=300"
        etag, modified = first.headers["etag"], first.headers["last-modified"]
        for headers, status in [
            ({"If-None-Match": etag}, 304),
            ({"If-None-Match": f'"other", W/{etag}'}, 304),
            ({"If-None-Match": '"other"', "If-Modified-Since": modified}, 200),
            ({"If-Modified-Since": modified}, 304),
            ({"If-Modified-Since": "Thu, 25 Jan 2024 07:59:59 GMT"}, 200),
            ({"If-Modified-Since": "yesterday"}, 200),
        ]:
            answer = archive.client.get(path, headers=headers)
            assert answer.status_code == status, (path, headers)
            assert answer.headers["etag"] == etag
            assert (answer.content == b"") is (status == 304)
    deliver(archive, "two", "two", 7)
    assert archive.client.get("/archive/en/atom.xml", headers={"If-None-Match": etag}).status_code == 200
    assert archive.client.get("/", headers={"If-Modified-Since": modified}).status_code == 200


def test_long_archive_has_pages(archive: World) -> None:
    for number in range(24):
        deliver(archive, f"d{number}", f"no-{number}", -7 * number - 7)
    first, second = page(archive, "/archive/en/"), page(archive, "/archive/en/2/")
    assert (first.count("<article"), second.count("<article"), page(archive, "/").count("<article")) == (20, 5, 7)
    assert 'rel="next" href="../../archive/en/2/"' in first
    assert 'rel="prev" href="../../../archive/en/"' in second
    for path in ("/archive/en/1/", "/archive/en/3/", "/archive/en/x/", "/archive/xx/", "/issue/none/en/"):
        assert archive.client.get(path).status_code == 404, path
    answer = archive.client.get("/archive/en")
    assert (answer.status_code, answer.headers["location"]) == (308, "./en/")
    for path in ("/archive/https:example.net", "/issue/x/javascript:alert(1)", "/archive/%5C%5Cexample.net"):
        answer = archive.client.get(path)  # a redirect stays on this host
        assert urlsplit(urljoin(f"{URL}{path}", answer.headers["location"])).netloc == urlsplit(URL).netloc
    assert len(feedparser.parse(archive.client.get("/archive/en/rss.xml").content).entries) == 20
    newest = page(archive, "/issue/no-0/en/")
    assert 'rel="next" href="../../../issue/2024-01-25/en/"' in newest
    assert 'rel="prev" href="../../../issue/no-1/en/"' in newest


def test_sitemap_lists_what_everybody_may_read(archive: World) -> None:
    tree = ET.fromstring(archive.client.get("/sitemap.xml").content)
    urls = [one.text for one in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    below = ["", "archive/en/", "archive/zh/", "issue/2024-01-25/en/", "issue/2024-01-25/zh/"]
    assert urls == [f"{URL}/{path}" for path in below]
    assert f"Sitemap: {URL}/sitemap.xml" in page(archive, "/robots.txt")
    assert page(archive, "/letters/archive/en/") == page(archive, "/archive/en/")
