"""`newsletter serve`: a scheduled delivery leaves by itself, its links work, and nothing is left running behind it."""

from __future__ import annotations

import email
import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from email.policy import default
from pathlib import Path

import httpx2
import pytest
from newsroom import ADDRESSES, Newsroom, children, free_port, header, is_running, until
from recording_server import Quirk, recording_server
from shell import broken_promises, readers


@pytest.fixture
def newsroom(tmp_path: Path) -> Iterator[Newsroom]:
    with recording_server(tmp_path / "mail") as relay:
        yield Newsroom(tmp_path, relay)


def test_scheduled_delivery_leaves_and_one_click_ends_it(newsroom: Newsroom) -> None:
    first = newsroom.schedule("welcome")
    with newsroom.serving() as service:
        newsroom.finish(first)
        messages = newsroom.relay.messages()
        assert {address: len(received) for address, received in messages.items()} == dict.fromkeys(ADDRESSES, 1)

        message = messages["ana@example.org"][0]
        assert header(message, "list-unsubscribe-post") == "List-Unsubscribe=One-Click"
        (one_click,) = re.findall(r"<(http[^>]+)>", header(message, "list-unsubscribe"))
        html = email.message_from_bytes(message, policy=default).get_body(("html",)).get_content()  # type: ignore[union-attr]
        links = dict.fromkeys(re.findall(rf'"(http://127\.0\.0\.1:{newsroom.port}/[^"]+)"', html))
        assert one_click in links
        for link in links:  # what a scanner does with every mail
            assert httpx2.get(link).status_code == 200
            assert httpx2.head(link).status_code == 200
        view = next(link for link in links if "/v/" in link)
        page = httpx2.get(view).text
        assert one_click not in page
        assert "ana@example.org" not in page
        damaged = one_click[:-1] + ("b" if one_click.endswith("a") else "a")
        for forged in (view.replace("/v/", "/u/"), damaged, one_click.replace("/u/", "/r/")):
            assert httpx2.post(forged, data={"List-Unsubscribe": "One-Click"}).status_code == 404

        (newsroom.folder / "issues" / "welcome").rename(newsroom.folder / "issues" / "second")
        second = newsroom.schedule("second")
        newsroom.finish(second)
        assert len(newsroom.relay.messages()["ana@example.org"]) == 2  # nothing that was only looked at had any effect

        for proxy in (
            f"http://127.0.0.1:{newsroom.port}",
            None,
        ):  # asked as a proxy is: the whole URL in the first line
            answer = httpx2.post(one_click, content="List-Unsubscribe=One-Click", proxy=proxy,
                                 headers={"Content-Type": "application/x-www-form-urlencoded"})  # fmt: skip
            assert (answer.status_code, answer.headers.get("set-cookie")) == (200, None)
        (newsroom.folder / "issues" / "second").rename(newsroom.folder / "issues" / "third")
        third = newsroom.schedule("third")
        newsroom.finish(third)
        assert {address: len(received) for address, received in newsroom.relay.messages().items()} == {
            "ana@example.org": 2, "bo@example.org": 3, "cleo@example.org": 3,
        }  # fmt: skip
        assert newsroom.state(third)["left_out"] == {"unsubscribed": 1}

        service.send_signal(signal.SIGTERM)
        _, log = service.communicate()
    assert service.returncode == 0, log
    assert not [address for address in ADDRESSES if address in log]
    assert one_click.rpartition("/")[2] not in log


def test_links_signed_after_a_rotation_work_at_once(newsroom: Newsroom) -> None:
    """Sent from a shell with the new key, or by the service's own sender, which began with the old one."""
    with newsroom.serving():
        sent, path = [], newsroom.folder / "issues" / "welcome"
        newsroom.ok("send", str(path), "--list", "weekly", "--yes")
        sent.append(newsroom.relay.messages()["ana@example.org"][-1])
        newsroom.ok("secret", "rotate")
        newsroom.ok("send", str(path), "--list", "weekly", "--yes", "--again")
        sent.append(newsroom.relay.messages()["bo@example.org"][-1])
        delivery = newsroom.schedule(str(path.rename(path.with_name("second"))))
        newsroom.finish(delivery)
        sent.append(newsroom.relay.messages()["cleo@example.org"][-1])
        links = [header(message, "list-unsubscribe").strip("<>") for message in sent]
        assert len({link[-28:-26] for link in links}) == 2  # the ids of the keys: old, new, new
        for link in links:
            assert httpx2.post(link, data={"List-Unsubscribe": "One-Click"}).status_code == 200, link
        exported = newsroom.ok("subscribers", "export", "--list", "weekly")
        assert exported.count("unsubscribed") == 3


def test_links_of_a_retired_key_end_at_once(newsroom: Newsroom) -> None:
    with newsroom.serving():
        newsroom.ok("send", str(newsroom.folder / "issues" / "welcome"), "--list", "weekly", "--yes")
        link = header(newsroom.relay.messages()["ana@example.org"][0], "list-unsubscribe").strip("<>")
        assert httpx2.get(link).status_code == 200
        oldest = json.loads(newsroom.ok("secret", "list", "--json"))["signs"]
        newsroom.ok("secret", "rotate")
        newsroom.ok("secret", "retire", oldest, "--yes")
        assert httpx2.post(link, data={"List-Unsubscribe": "One-Click"}).status_code == 404


FIRST_LINES = b"POST /u/x HTTP/1.1\r\nHost: news.example.org\r\n"


def test_readers_are_served_beside_260_unfinished_requests(newsroom: Newsroom) -> None:
    newsroom.ok("send", newsroom.issue, "--list", "weekly", "--yes")
    link = header(newsroom.relay.messages()["ana@example.org"][0], "list-unsubscribe").strip("<>")
    half_a_body = FIRST_LINES + b"Content-Length: 90\r\n\r\nList-"
    with newsroom.serving(files=200) as service, ExitStack() as held:
        connections = []
        for sent in (b"", FIRST_LINES, half_a_body, b"GET /\x00\r\n\r\n"):  # each kind takes the places of the last
            for _ in range(260):
                connections.append(held.enter_context(socket.create_connection(("127.0.0.1", newsroom.port))))
                with suppress(OSError):  # closed already, to make room
                    connections[-1].sendall(sent)
            for _ in range(10):
                assert httpx2.get(f"http://127.0.0.1:{newsroom.port}/healthz").text == "ok\n"
                assert httpx2.post(link, data={"List-Unsubscribe": "One-Click"}).status_code == 200
        for connection in connections:  # every one is ended by the service, sooner or later
            with suppress(ConnectionError):
                while connection.recv(4096):
                    pass
        assert httpx2.get(f"http://127.0.0.1:{newsroom.port}/healthz").status_code == 200
        service.send_signal(signal.SIGTERM)
        _, log = service.communicate()
    assert service.returncode == 0, log
    assert log.count("one-click recipient=") == 1  # said forty times, changed once
    assert len(log.splitlines()) < 60, log
    assert "Traceback" not in log


def test_sigterm_ends_every_process_and_leaves_nothing_unknown(newsroom: Newsroom) -> None:
    with recording_server(newsroom.folder / "slow", Quirk("dot", "delay", seconds=2)) as slow:
        newsroom.environment["NEWSLETTER_SMTP__PORT"] = str(slow.port)
        delivery = newsroom.schedule("welcome")
        with newsroom.serving() as service:
            until(lambda: len(slow.records()) >= 1)  # taken, and its reply is still to come
            senders = children(service.pid)
            service.send_signal(signal.SIGTERM)
            _, log = service.communicate()
        assert service.returncode == 0, log
        assert log.index("newsletter.sender at work") < log.index("newsletter.sender ended")
        assert not [sender for sender in senders if is_running(sender)]
        counts = newsroom.state(delivery)["counts"]
        assert isinstance(counts, dict)
        assert (counts["unknown"], counts["permitted"], counts["claimed"]) == (0, 0, 0)
        assert counts["accepted"] == len(slow.records())


def test_sender_does_not_outlive_a_service_that_was_killed(newsroom: Newsroom) -> None:
    with newsroom.serving() as service:
        senders = children(service.pid)
        assert senders
        os.kill(service.pid, signal.SIGKILL)
        service.wait()
        until(lambda: not any(is_running(sender) for sender in senders))


def test_sender_that_died_is_replaced(newsroom: Newsroom) -> None:
    with newsroom.serving() as service:
        (sender,) = children(service.pid)
        os.kill(sender, signal.SIGKILL)
        until(lambda: children(service.pid) not in ([], [sender]))
        delivery = newsroom.schedule("welcome")
        newsroom.finish(delivery)
        assert len(newsroom.relay.records()) == len(ADDRESSES)


def test_step_of_a_series_survives_the_death_of_the_sender(tmp_path: Path) -> None:
    with recording_server(tmp_path / "mail", latency=0.1) as relay:
        kill_the_sender_within_a_step(Newsroom(tmp_path, relay))


def kill_the_sender_within_a_step(newsroom: Newsroom) -> None:
    """With one connection: at most one outcome is unknown."""
    newsroom.environment["NEWSLETTER_SENDING__CONNECTIONS"] = "1"
    newsroom.start_series()
    file = newsroom.folder / "new.csv"
    file.write_text("email\n" + "".join(f"{address}\n" for address, _ in readers(8)))
    newsroom.ok("subscribers", "import", str(file), "--list", "weekly", "--start-series")
    with newsroom.serving() as service:
        until(lambda: len(newsroom.relay.records()) >= 2)
        (sender,) = children(service.pid)
        os.kill(sender, signal.SIGKILL)
        assert len(newsroom.relay.records()) < 8, "it was to die between two recipients"
        newsroom.finish("welcome/hello")
    assert broken_promises(newsroom, newsroom.relay, "welcome/hello", most_unknown=1) == []
    counts = newsroom.state("welcome/hello")["counts"]
    assert isinstance(counts, dict)
    assert counts["accepted"] + counts["unknown"] == 8


def test_two_services_send_everything_once(newsroom: Newsroom) -> None:
    with newsroom.serving():
        newsroom.port = free_port()
        with newsroom.serving():
            delivery = newsroom.schedule("welcome")
            newsroom.finish(delivery)
            assert sorted(record["rcpt"] for record in newsroom.relay.records()) == sorted(ADDRESSES)


def test_port_in_use_is_said_in_a_sentence(newsroom: Newsroom) -> None:
    with socket.create_server(("127.0.0.1", newsroom.port)):
        service = newsroom.start("serve", "--port", str(newsroom.port))
        _, complaints = service.communicate()
    assert service.returncode == 1
    assert f"Cannot listen on 127.0.0.1 port {newsroom.port}" in complaints
    assert "Traceback" not in complaints
