"""The reader's path, through real HTTP and real email: sign up, confirm, get a series and issues, choose, leave."""

from __future__ import annotations

import email
import html
import json
import re
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import httpx2
from newsroom import Newsroom, header, until
from recording_server import recording_server

MIA = "mia.reader@example.org"
NOA = "noa@example.org"
NAME = "Mia Marple"
PRESSED = {"answer": "yes"}
ONE_CLICK = {"content": "List-Unsubscribe=One-Click", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}


def parsed(message: bytes) -> EmailMessage:
    found = email.message_from_bytes(message, policy=default)
    assert isinstance(found, EmailMessage)
    return found


class Reader:
    """One person with an inbox and a browser; what a newsroom keeps of her is asked through the shell."""

    def __init__(self, newsroom: Newsroom, web: httpx2.Client) -> None:
        self.newsroom = newsroom
        self.url = f"http://127.0.0.1:{newsroom.port}"
        self.web = web

    def inbox(self) -> list[bytes]:
        return self.newsroom.relay.messages().get(MIA, [])

    def next_message(self, count: int) -> bytes:
        """The message that arrives as the `count`th."""
        until(lambda: len(self.inbox()) >= count)
        return self.inbox()[count - 1]

    def links(self, message: bytes) -> list[str]:
        """Every link of a message that leads to the newsroom, of its header and of both parts."""
        bodies = [part for kind in ("html", "plain") if (part := parsed(message).get_body((kind,)))]
        text = " ".join([*(html.unescape(body.get_content()) for body in bodies), header_or_empty(message)])
        return list(dict.fromkeys(re.findall(rf"{re.escape(self.url)}[^\s\"'<>)\]]*", text)))

    def kept(self) -> Any:
        """Everything that is stored about her, as a statement shows it."""
        done = self.newsroom.run("statement", MIA, "--json")
        return {**json.loads(done.stdout), "made_at": "", "signature": ""} if done.returncode == 0 else done.stderr

    def scan(self, message: bytes) -> list[str]:
        """GET and HEAD every link twice, as scanners of email do; the pages. Nothing may change."""
        before = self.kept()
        answers = [getattr(self.web, how)(link) for link in self.links(message) for how in ("get", "head", "get")]
        assert [one.status_code for one in answers] == [200] * len(answers)
        assert self.kept() == before
        return [one.text for one in answers]

    def press(self, link: str) -> str:
        """Press the button of the page behind a link."""
        answer = self.web.post(link, data=PRESSED)
        assert answer.status_code == 200, (link, answer.text)
        return answer.text

    def issue(self, slug: str) -> str:
        """Send an issue of this name to the list; the id of its delivery."""
        issues = self.newsroom.folder / "issues"
        (present,) = [one for one in issues.iterdir() if (one / "issue.yaml").exists()]
        present.rename(issues / slug)
        told = self.newsroom.ok("send", str(issues / slug), "--list", "weekly", "--yes", "--json")
        return str(json.loads(told.splitlines()[0])["delivery"])


def header_or_empty(message: bytes) -> str:
    return header(message, "list-unsubscribe") if b"\nList-Unsubscribe:" in message else ""


def test_reader_signs_up_confirms_receives_and_leaves(tmp_path: Path) -> None:
    with recording_server(tmp_path / "mail") as relay:
        newsroom = Newsroom(tmp_path, relay)
        newsroom.ok("lists", "edit", "weekly", "--public", "--opt-in", "double")
        newsroom.start_series()
        with newsroom.serving(), httpx2.Client(timeout=60) as web:
            reader = Reader(newsroom, web)
            link, sent = follow_to_the_first_issue(reader)
            forwarded_email_gives_no_power(reader, sent)
            own = fresh_link_opens_what_a_forwarded_one_does_not(reader)
            leave_by_one_click(reader, link, own)


def follow_to_the_first_issue(reader: Reader) -> tuple[str, bytes]:
    """Sign up and confirm; the unsubscribe link in the bytes of the series' first step, and the bytes of an issue."""
    page = reader.web.get(f"{reader.url}/subscribe/weekly").text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    form = {**hidden, "email": MIA, "name": NAME}
    assert reader.newsroom.run("subscribers", "show", MIA).returncode == 2
    until(lambda: "Look in your inbox" in reader.web.post(f"{reader.url}/subscribe/weekly", data=form).text)
    asked = reader.next_message(1)
    reader.scan(asked)
    reader.scan(asked)
    assert parsed(asked)["Auto-Submitted"] == "auto-generated"
    assert b"\nList-Unsubscribe:" not in asked
    assert NAME.encode() not in asked
    (confirm,) = [one for one in reader.links(asked) if "/c/" in one]
    assert reader.issue("first")
    assert len(reader.inbox()) == 1  # an issue that leaves before she has confirmed is not for her

    reader.press(confirm)
    reader.press(confirm)
    welcome = reader.next_message(2)
    reader.scan(welcome)
    assert header(welcome, "list-unsubscribe-post") == "List-Unsubscribe=One-Click"
    step = reader.next_message(3)
    reader.scan(step)
    assert parsed(step)["Subject"] == "hello"
    assert header(step, "list-unsubscribe-post") == "List-Unsubscribe=One-Click"
    (link,) = re.findall(r"<(http[^>]+)>", header(step, "list-unsubscribe"))

    reader.newsroom.ok("subscribers", "tag", MIA, "gold-customer")
    reader.issue("second")
    message = reader.next_message(4)
    assert NAME in parsed(message).get_body(("plain",)).get_content()  # type: ignore[union-attr]
    return link, message


def forwarded_email_gives_no_power(reader: Reader, message: bytes) -> None:
    """Whoever gets the email may unsubscribe or pause, undo both, and learns nothing about her."""
    seen = reader.scan(message)
    (leave,) = [one for one in reader.links(message) if "/u/" in one]
    seen += [reader.press(f"{leave}/pause"), reader.press(f"{leave}/resume")]
    assert reader.kept()["subscriptions"][0]["consent"] == "confirmed"
    seen.append(reader.press(leave))
    assert reader.kept()["subscriptions"][0]["consent"] == "unsubscribed"
    (undo,) = re.findall(r'action="\.\./r/([^"]+)"', seen[-1])
    seen += [reader.web.get(f"{reader.url}/r/{undo}").text, reader.press(f"{reader.url}/r/{undo}")]
    assert reader.kept()["subscriptions"][0]["consent"] == "confirmed"
    token = leave.rpartition("/")[2]
    view = next(one for one in reader.links(message) if "/v/" in one).rpartition("/")[2]
    form = {"do": "erase", "sure": "yes", "email": "thief@example.org", "language": "de", "list": "weekly"}
    before = reader.kept()
    for path in [f"{door}/{one}" for door in ("own", "a", "c", "v", "r", "u") for one in (token, view)]:
        answers = [reader.web.post(f"{reader.url}/{path}", data={**form, "do": do}) for do in _OWN_ACTIONS]
        answers += [reader.web.get(f"{reader.url}/{path}")] if path[0] in "oac" else []
        assert {one.status_code for one in answers} <= {400, 404, 405}, path
        seen += [one.text for one in answers]
    assert reader.kept() == before
    local = MIA.partition("@")[0]
    assert not [word for word in (MIA, local, NAME, "Mia", "Marple", "gold-customer") for text in seen if word in text]


_OWN_ACTIONS = ("save", "address", "export", "erase")


def fresh_link_opens_what_a_forwarded_one_does_not(reader: Reader) -> str:
    """Language, a change of address and a copy of the data, by a link that was mailed afresh; that link."""
    (leave,) = [one for one in reader.links(reader.inbox()[-1]) if "/u/" in one]
    reader.press(f"{leave}/link")
    mailed = reader.next_message(5)
    reader.scan(mailed)
    (own,) = [one for one in reader.links(mailed) if "/own/" in one]
    about = reader.web.post(own, data={"do": "export"}).json()
    assert (about["email"], about["name"], about["attributes"]) == (MIA, NAME, {"tags": ["gold-customer"]})
    page = reader.web.post(own, data={"do": "save", "list": "weekly", "language": "de", "timezone": ""}).text
    assert 'lang="de"' in page
    assert reader.kept()["language"] == "de"
    return own


def series_goes_on_without_her(newsroom: Newsroom) -> None:
    """Somebody else who confirmed gets the second step, when its moment has come for both."""
    newsroom.ok("subscribers", "add", NOA, "--list", "weekly", "--consent", "confirmed", "--basis", "on paper")
    newsroom.let_days_pass(4)
    until(lambda: len(newsroom.relay.messages().get(NOA, [])) == 2)
    assert {str(parsed(one)["Subject"]) for one in newsroom.relay.messages()[NOA]} == {"hello", "tips"}


def leave_by_one_click(reader: Reader, link: str, own: str) -> None:
    """The mail program's POST, without cookie or Referer; the next step of the series and the next issue leave her out.
    Then she is forgotten."""
    for _ in range(2):  # a provider may repeat it
        answer = reader.web.post(link, **ONE_CLICK)  # type: ignore[arg-type]
        assert (answer.status_code, answer.headers.get("set-cookie")) == (200, None)
    series_goes_on_without_her(reader.newsroom)
    delivery = reader.issue("third")
    assert len(reader.inbox()) == 5
    assert reader.newsroom.json("deliveries", "show", delivery)["left_out"] == {"unsubscribed": 1}
    assert reader.web.post(own, data={"do": "erase", "sure": "yes"}).status_code == 200
    assert reader.web.post(link, **ONE_CLICK).status_code == 200  # type: ignore[arg-type]
    about = reader.newsroom.json("subscribers", "show", MIA)  # her own question finds the proof, by its hash
    assert ([one["state"] for one in about["signups"]], about["suppression"]["reason"]) == (["confirmed"], "erased")
    assert NAME not in str(about)
    again = reader.newsroom.folder / "again.csv"
    again.write_text(f"email,name\n{MIA},{NAME}\n")
    reader.newsroom.ok("subscribers", "import", str(again), "--list", "weekly")
    again.unlink()
    for file in reader.newsroom.folder.rglob("*"):
        assert not file.is_file() or MIA.encode() not in file.read_bytes(), file
