"""Signing up over HTTP: from the form to the welcome, as a reader, a scanner and a flood would do it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from integration.web.conftest import START
from integration.web.doors import ANA, URL, Doors, open_doors
from shell import newsletter

from newsletter.app.audience.lists import edit_list
from newsletter.app.audience.signup import budget_address, carry_out, forget_signups, network_of
from newsletter.app.audience.subscribers import (
    erase_subscriber_everywhere,
    show_subscriber,
    suppress_subscriber,
    unsubscribe_subscriber,
)
from newsletter.app.sending.alerts import conditions
from newsletter.audience.address import parse_address
from newsletter.audience.consent import Consent
from newsletter.delivery.ledger.classification import Classification
from newsletter.delivery.ledger.outcome import Deferred, Outcome, Rejected, Reply, Unknown
from newsletter.storage.audience import signups
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database

BEN = "ben@example.org"


@pytest.fixture
def doors(database: Database, database_url: str, tmp_path: Path) -> Iterator[Doors]:
    yield from open_doors(database, database_url, tmp_path)


def test_sign_up_is_confirmed_by_the_button_only(doors: Doors) -> None:
    page = doors.client.get("/subscribe/news")
    assert page.status_code == 200
    for words in ("Weekly &amp; Sons", "every Thursday", "unsubscribe at any time", "https://example.org/privacy"):
        assert words in page.text
    assert "set-cookie" not in page.headers
    answer = doors.sign_up(ANA, name="Ana <script>")
    assert (answer.status_code, "Look in your inbox" in answer.text, ANA in answer.text) == (200, True, False)
    [(recipient, message)] = doors.work()
    assert recipient == ANA
    assert message["Auto-Submitted"] == "auto-generated"
    assert not {"List-Unsubscribe", "List-Id", "Precedence", "Feedback-ID"} & set(message.keys())
    assert "Ana <" not in message.as_string()
    assert (message["To"].strip("<>"), message["Subject"]) == (ANA, "Please confirm: The Weekly")
    assert doors.consents() == {"news": Consent.PENDING}
    path = doors.link_in(message)
    before = [doors.rows(one) for one in (tables.signups, tables.subscriptions, tables.notices, tables.events)]
    for method in ("GET", "GET", "HEAD", "OPTIONS"):
        seen = doors.client.request(method, path)
        assert ANA not in seen.text
    assert doors.client.post(path).status_code == 400
    assert before == [doors.rows(one) for one in (tables.signups, tables.subscriptions, tables.notices, tables.events)]
    assert "You are subscribed" in doors.press(path).text
    assert "You are subscribed" in doors.press(path).text
    assert doors.consents() == {"news": Consent.CONFIRMED}
    [(_, welcome)] = doors.work()
    assert welcome["Subject"] == "Welcome to The Weekly"
    assert welcome["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    leave = str(welcome["List-Unsubscribe"]).strip("<>").removeprefix(URL)
    one_click = doors.client.post(leave, data={"List-Unsubscribe": "One-Click"})
    assert one_click.text == "Unsubscribed.\n"
    assert doors.consents() == {"news": Consent.UNSUBSCRIBED}
    undo = re.search(r'action="\.\.(/r/\w+)"', doors.press(leave).text)
    assert undo
    assert "Welcome back" in doors.press(undo[1]).text
    assert doors.consents() == {"news": Consent.CONFIRMED}


def test_proof_has_both_moments_and_outlives_the_subscriber(doors: Doors) -> None:
    doors.sign_up(ANA)
    [(_, message)] = doors.work()
    doors.press(doors.link_in(message))
    doors.work()
    [proof] = show_subscriber(doors.project, doors.database, ANA).proofs
    assert proof.signup.confirmed_at
    assert proof.signup.requested_at < proof.signup.confirmed_at
    assert "You can unsubscribe at any time" in proof.words
    assert proof.words.endswith("Subscribe")
    assert proof.confirmed_words.endswith("Yes, subscribe me")
    assert f"<{proof.message_id}>" == message["Message-ID"]
    erase_subscriber_everywhere(doors.project, doors.database, ANA, now=doors.clock())
    [kept] = show_subscriber(doors.project, doors.database, ANA).proofs
    assert (kept.words, kept.signup.confirmed_at, kept.signup.network) == (proof.words, proof.signup.confirmed_at, "")
    assert ANA not in str([doors.rows(one) for one in (tables.signups, tables.notices, tables.subscribers)])
    forget_signups(doors.database, doors.rules, datetime(START.year + 3, 12, 31, tzinfo=START.tzinfo))
    assert doors.rows(tables.signups)
    forget_signups(doors.database, doors.rules, datetime(START.year + 4, 1, 1, 1, tzinfo=START.tzinfo))
    assert not doors.rows(tables.signups)


def test_erased_by_command_the_opt_out_and_the_least_proof_stay(doors: Doors, database_url: str) -> None:
    """Until the end of the third year after; the opt-out stays for good."""
    doors.sign_up(ANA, name="Ana Lind")
    doors.sign_up(BEN)
    doors.press(doors.link_in(dict(doors.work())[ANA]))
    doors.work()
    folder = doors.project.folder
    (folder / "newsletter.toml").write_text('[newsletter]\nname = "The Weekly"\n')
    (folder / "again.csv").write_text(f"email,name\n{ANA},Ana Lind\n{BEN},\n")

    def say(*words: str) -> Any:
        return newsletter("-C", str(folder), *words, environment={"NEWSLETTER_DATABASE__URL": database_url})

    for number, address in enumerate((ANA, BEN, ANA)):
        assert say("subscribers", "erase", address, "--yes").returncode == 0
        doors.clock.now += timedelta(days=400 * number)
    assert [row.state for row in doors.rows(tables.signups)] == ["confirmed"]  # what was only asked for is gone
    facts = json.loads(say("statement", ANA, "--json").stdout)
    assert (facts["suppression"]["reason"], facts["email"], facts["name"]) == ("erased", "", "")
    [proof] = facts["signups"]
    assert proof["confirmed_at"]
    assert proof["confirmed_words"].endswith("Yes, subscribe me")
    report = json.loads(say("subscribers", "import", str(folder / "again.csv"), "--list", "news", "--json").stdout)
    assert (report["imported"], report["skipped"]) == (0, 2)
    assert say("subscribers", "add", ANA, "--list", "news", "--consent", "confirmed", "--basis", "x").returncode == 1
    doors.sign_up(ANA)
    assert doors.work() == []
    (folder / "again.csv").unlink()
    everywhere = str([doors.rows(table) for table in tables.metadata.sorted_tables if table is not tables.signups])
    assert not [word for word in (ANA, BEN, "Lind") if word in everywhere]
    forget_signups(doors.database, doors.rules, datetime(datetime.now(UTC).year + 4, 1, 1, 1, tzinfo=UTC))
    assert json.loads(say("statement", ANA, "--json").stdout)["signups"] == []
    assert json.loads(say("subscribers", "show", ANA, "--json").stdout)["suppression"]["reason"] == "erased"


def test_request_that_was_not_yet_carried_out_is_erased(doors: Doors) -> None:
    doors.sign_up(ANA)
    erase_subscriber_everywhere(doors.project, doors.database, ANA, now=doors.clock())
    assert doors.work() == []
    assert ANA not in str([doors.rows(table) for table in tables.metadata.sorted_tables])


def test_only_our_page_posted_in_time_writes_a_row(doors: Doors) -> None:
    from_elsewhere = doors.client.post("/subscribe/news", data={"email": ANA})
    assert f'value="{ANA}"' in from_elsewhere.text
    assert doors.client.post("/subscribe/news", data=doors.form() | {"email": ANA, "website": "x"}).status_code == 200
    late = doors.form() | {"email": ANA}
    doors.clock.now += timedelta(days=2)
    assert "press the button" in doors.client.post("/subscribe/news", data=late).text
    doors.clock.now -= timedelta(days=2, seconds=6)
    assert "press the button" in doors.client.post("/subscribe/news", data=late).text
    for other in ("/subscribe", "/subscribe/weekly"):  # its words are others
        assert "Look in your inbox" not in doors.client.post(other, data=late | {"list": "news"}).text
    assert doors.client.post("/subscribe/news", data=doors.form() | {"email": "no address"}).status_code == 400
    assert not doors.rows(tables.signups)
    again = dict(re.findall(r'name="(\w+)"[^>]* value="([^"]*)"', from_elsewhere.text))
    doors.clock.now += timedelta(seconds=5)
    assert "Look in your inbox" in doors.client.post("/subscribe/news", data=again).text
    assert len(doors.rows(tables.signups)) == 1


def test_lists_that_are_not_public_cannot_be_chosen(doors: Doors) -> None:
    assert doors.client.get("/subscribe/team").status_code == 404
    assert doors.client.delete("/subscribe/news").headers["allow"] == "GET, HEAD, POST"
    page = doors.client.get("/subscribe").text
    assert 'value="weekly"' in page
    assert "team" not in page.lower().replace("steam", "")
    fields = doors.form("/subscribe") | {"email": ANA, "list": "team"}
    assert doors.client.post("/subscribe", data=fields).status_code == 400
    edit_list(doors.database, "news", name=None, opt_in=None, language=None, public=False)
    edit_list(doors.database, "weekly", name=None, opt_in=None, language=None, public=False)
    assert doors.client.get("/subscribe").status_code == 404


def test_new_known_and_suppressed_addresses_get_the_same_answer_and_rows(doors: Doors) -> None:
    doors.sign_up("known@example.org", "/subscribe/weekly")
    suppress_subscriber(doors.project, doors.database, "barred@example.org", "complained", now=doors.clock())
    [(_, welcome)] = doors.work()
    assert "If you did not ask for this" in str(welcome.get_body(("plain",)))
    assert doors.consents("known@example.org") == {"weekly": Consent.CONFIRMED}
    doors.clock.now += timedelta(days=2)
    answers = {doors.sign_up(f"{one}@example.org", "/subscribe/weekly").text for one in ("new", "known", "barred")}
    assert len(answers) == 1
    assert len([row for row in doors.rows(tables.signups) if row.state == "requested"]) == 3
    sent = {recipient: str(message["Subject"]) for recipient, message in doors.work()}
    assert sent == {
        "new@example.org": "Welcome to The Weekly",
        "known@example.org": "You are subscribed to The Weekly already",
    }


def test_somebody_who_left_a_single_opt_in_list_must_confirm(doors: Doors) -> None:
    doors.sign_up(ANA, "/subscribe/weekly")
    doors.work()
    unsubscribe_subscriber(doors.project, doors.database, ANA, None, now=doors.clock())
    doors.clock.now += timedelta(days=2)
    doors.sign_up(ANA, "/subscribe/weekly")
    [(_, message)] = doors.work()
    assert doors.consents() == {"weekly": Consent.UNSUBSCRIBED}
    doors.press(doors.link_in(message))
    assert doors.consents() == {"weekly": Consent.CONFIRMED}
    assert [row.kind for row in doors.rows(tables.events)] == ["unsubscribed", "resubscribed"]


def test_expired_link_offers_a_fresh_one(doors: Doors) -> None:
    doors.sign_up(ANA)
    [(_, message)] = doors.work()
    path = doors.link_in(message)
    doors.clock.now += timedelta(days=8)
    assert "This link has expired" in doors.client.get(path).text
    assert "Look in your inbox" in doors.press(path).text
    assert doors.consents() == {"news": Consent.PENDING}
    [(_, again)] = doors.work()
    doors.press(doors.link_in(again))
    assert doors.consents() == {"news": Consent.CONFIRMED}


def test_requests_that_are_not_confirmed_are_forgotten(doors: Doors) -> None:
    doors.sign_up(ANA)
    [(_, message)] = doors.work()
    forget_signups(doors.database, doors.rules, doors.clock.now + timedelta(days=29))
    assert doors.rows(tables.signups)
    forget_signups(doors.database, doors.rules, doors.clock.now + timedelta(days=31))
    tables_left = (tables.signups, tables.subscriptions, tables.subscribers, tables.notices)
    assert [doors.rows(one) for one in tables_left] == [[]] * 4
    assert doors.client.get(doors.link_in(message)).status_code == 404


@pytest.mark.parametrize(
    ("answers", "sends"),
    [
        ([Deferred(Reply(450, "4.2.0", "later"))], 2),
        ([Unknown("the connection was lost")] * 5, 3),
        ([Rejected(Reply(550, "5.1.1", "no such user"), Classification.INVALID_ADDRESS)], 1),
    ],
)
def test_notices_are_retried_resent_and_a_dead_address_ends_the_request(
    doors: Doors, answers: list[Outcome], sends: int
) -> None:
    doors.relay.answers = list(answers)
    doors.sign_up(ANA)
    for _ in range(6):
        doors.work()
        doors.clock.now += timedelta(hours=1)
    assert len(doors.relay.caught) == sends
    assert len({message["Message-ID"] for _, message in doors.relay.caught}) == 1
    assert len({message["Date"] for _, message in doors.relay.caught}) == 1
    is_dead = isinstance(answers[0], Rejected)
    assert [row.state for row in doors.rows(tables.signups)] == ([] if is_dead else ["asked"])
    assert bool(doors.rows(tables.subscribers)) is not is_dead


def test_flood_stays_within_the_budgets_and_lets_an_honest_reader_in(doors: Doors) -> None:
    fields = doors.form()
    for number in range(30):  # of one network
        doors.client.post("/subscribe/news", data=fields | {"email": f"v.i.c.tim+{number}@example.org"})
    assert len(doors.rows(tables.signups)) == doors.rules.per_network
    assert [recipient for recipient, _ in doors.work()] == ["v.i.c.tim+0@example.org"]
    with doors.database.write() as connection:  # of many networks
        for number in range(40):
            one = signups.Signup(f"v{number % 4}@example.org", f"{number % 4:026d}", "en", (1,), "w", doors.clock.now)
            signups.add_signup(connection, one)
    doors.clock.now += timedelta(hours=2)
    doors.sign_up(ANA)
    assert sorted(recipient for recipient, _ in doors.work()) == [ANA, *(f"v{one}@example.org" for one in range(4))]


def test_flood_is_told_once_a_day_for_each_limit(doors: Doors) -> None:
    def told() -> dict[str, str]:
        found = conditions(doors.project, doors.database, doors.clock.now)
        return {one.key.removeprefix("sign-ups flood "): one.kind for one in found}

    fields = doors.form()
    for number in range(doors.rules.per_network):
        doors.client.post("/subscribe/news", data=fields | {"email": f"v{number}@example.org"})
    assert told() == {}
    for _ in range(3):
        doors.client.post("/subscribe/news", data=fields | {"email": ANA})
    assert told() == {"network": "signups.flood"}
    doors.rules = replace(doors.rules, per_hour=10)
    for _ in range(2):
        carry_out(doors.database, doors.journal, doors.rules, doors.clock())
    assert told() == dict.fromkeys(("network", "emails"), "signups.flood")
    with doors.database.write() as connection:  # few addresses, much more than one email each
        for number in range(doors.rules.per_hour + 20):
            one = signups.Signup(f"w{number % 4}@example.org", f"{number % 4:026d}", "en", (1,), "w", doors.clock.now)
            signups.add_signup(connection, one)
    doors.clock.now += timedelta(hours=23)
    doors.rules = replace(doors.rules, per_hour=20)
    carry_out(doors.database, doors.journal, doors.rules, doors.clock())
    assert told() == dict.fromkeys(("network", "emails", "requests"), "signups.flood")
    doors.clock.now += timedelta(hours=2)
    assert told() == {"requests": "signups.flood"}


@pytest.mark.parametrize(
    ("language", "title"),
    [("de", "The Weekly⁩ abonnieren"), ("zh-CN", "订阅"), ("ar", 'dir="rtl"'), ("nl, fr;q=0.5", "S’abonner")],
)
def test_form_and_email_are_in_the_language_of_the_reader(doors: Doors, language: str, title: str) -> None:
    page = doors.client.get("/subscribe/news", headers={"accept-language": language})
    assert title in page.text
    fields = doors.form(**{"accept-language": language}) | {"email": ANA}
    doors.client.post("/subscribe/news", data=fields)
    [(_, message)] = doors.work()
    assert f'lang="{page.headers["content-language"]}"' in str(message.get_body(("html",)).get_content())  # type: ignore[union-attr]


def test_front_page_leads_to_the_form_while_a_list_is_public(doors: Doors) -> None:
    link = f'<a href="{URL}/subscribe">'
    assert link in doors.client.get("/").text  # nothing was sent yet
    for slug in ("news", "weekly"):
        edit_list(doors.database, slug, name=None, opt_in=None, language=None, public=False)
    assert "/subscribe" not in doors.client.get("/").text


def test_budgets_count_spellings_and_networks_once() -> None:
    spellings = ("ana.b@gmail.com", "A.n.a.b+x@gmail.com", "anab@GMAIL.com")
    assert len({budget_address(parse_address(one)) for one in spellings}) == 1
    assert network_of("192.0.2.7") == network_of("::ffff:192.0.2.200") == "192.0.2.0/24"
    assert network_of("2001:db8:1:2::3") == "2001:db8:1::/48"
    assert network_of("testclient") == ""
