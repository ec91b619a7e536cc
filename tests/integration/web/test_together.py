"""Unsubscribes that arrive at the same time."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from integration.test_together import gathering
from integration.web.conftest import World

from newsletter.audience.consent import Consent
from newsletter.tokens import Purpose

URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}


def test_those_of_one_moment_are_all_out_and_in_the_journal(world: World, tmp_path: Path) -> None:
    people = [
        world.add(number, {1: Consent.CONFIRMED, 2: Consent.PENDING, 3: Consent.CONFIRMED}) for number in range(8)
    ]
    unknown = "z" * 26  # a signature of ours over a row that is not there
    bodies = dict.fromkeys(people[:6], "List-Unsubscribe=One-Click") | dict.fromkeys(people[6:], "answer=yes")

    def post(recipient: str) -> tuple[int, str]:
        url = f"/u/{world.token(Purpose.UNSUBSCRIBE, recipient)}"
        body = bodies.get(recipient, "List-Unsubscribe=One-Click")
        answer = world.client.post(url, content=body, headers=URLENCODED)
        return answer.status_code, answer.text

    with ThreadPoolExecutor(16) as threads:
        with gathering(world.database):
            asked = [threads.submit(post, one) for one in [*people, people[0], people[7], unknown]]
        answers = [one.result(30) for one in asked]
    assert [code for code, _ in answers] == [200] * 10 + [404]
    assert all("../r/" in page for _, page in (answers[6], answers[7], answers[9]))  # each may be undone
    for number in range(8):
        assert world.consents(number) == {1: "unsubscribed", 2: "unsubscribed", 3: "confirmed"}
    ended = {one.recipient_id: one.data["ended"] for one in world.events()}
    assert ended == {one: {"1": "confirmed", "2": "pending"} for one in people}
    assert len(world.events()) == 8
    [file] = (tmp_path / "journal" / "opt-outs").iterdir()
    lines = [json.loads(line) for line in file.read_text().splitlines()[1:]]
    assert {one["recipient"] for one in lines} == set(people)
    assert all(one["lists"] == {"weekly": "unsubscribed", "events": "unsubscribed"} for one in lines)
