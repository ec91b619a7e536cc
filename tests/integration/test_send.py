"""The sending loop against a real ledger: what leaves, what is recorded, when it stops."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Container, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest
import sqlalchemy as sa
from factories import add_list, add_people, make_worker, start_delivery, suppress
from memory import MemoryTransport

from newsletter.app.sending.report import summary_of
from newsletter.delivery.compose.envelope import Envelope, address_envelope
from newsletter.delivery.compose.message import Message, MessageContext
from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.classification import Classification, Stage
from newsletter.delivery.ledger.ledger import Claim, Decision, Recipient, Settlement, Worker
from newsletter.delivery.ledger.outcome import (
    Accepted,
    Deferred,
    Outcome,
    Rejected,
    Reply,
    Unknown,
    outcome_of,
    read_reply,
)
from newsletter.delivery.ledger.rate import Rate
from newsletter.delivery.ledger.retry import RetryPolicy
from newsletter.delivery.ledger.settle import WOULD_DIFFER
from newsletter.delivery.sender.handover import SenderDependencies
from newsletter.delivery.sender.sender import Ending, SenderSettings, send
from newsletter.delivery.sender.throttle import RELAY, Pause
from newsletter.delivery.sender.worker import this_worker
from newsletter.delivery.transport import Permit, Transport
from newsletter.errors import (
    CommitLostError,
    ComposeError,
    DamagedDatabaseError,
    DatabaseBusyError,
    PermitRefusedError,
    RelayBusyError,
    RelayConnectionError,
    RelayLoginError,
    StorageError,
)
from newsletter.reporting.reconcile import reconcile
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.storage.journal.journal import Journal
from newsletter.storage.ledger.budget import left_of
from newsletter.storage.ledger.claims import StoredLedger
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.storage.ledger.pace import StoredPace
from newsletter.storage.ledger.reconcile import read_counts
from newsletter.storage.ledger.resolve import resend_unknown

OK = Accepted(Reply(250, "2.0.0", "queued"))
BUSY = Deferred(Reply(451, "4.7.1", "later"))

Answer = Callable[[Envelope, Message, Permit], Awaitable[Outcome]]


class Scripted:
    """A Transport that asks a function."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.dotted: Counter[str] = Counter()
        self.begun = 0

    async def send(self, envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        self.begun += 1

        async def counted() -> bool:
            if not await permit():
                raise PermitRefusedError("no")
            self.dotted[envelope.recipient] += 1
            return True

        return await self.answer(envelope, message, counted)

    async def close(self) -> None:
        """Nothing is open."""


class Stopping:
    """A Transport that sets `stop` after so many accepted messages."""

    def __init__(self, inner: Transport, after: int, stop: asyncio.Event) -> None:
        self.inner, self.left, self.stop = inner, after, stop

    async def send(self, envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        outcome = await self.inner.send(envelope, message, permit)
        self.left -= isinstance(outcome, Accepted)
        if self.left <= 0:
            self.stop.set()
        return outcome

    async def close(self) -> None:
        await self.inner.close()


async def accept(envelope: Envelope, message: Message, permit: Permit) -> Outcome:
    await permit()
    return OK


async def compose(claim: Claim) -> tuple[Envelope, Message]:
    body = f"for {claim.address}".encode()
    return Envelope("bounces@news.example", claim.address), Message(claim.recipient, body, "c" * 64)


class Scene:
    """A delivery to some people, and everything that the loop needs to send it."""

    def __init__(
        self, database: Database, folder: Path, people: int = 30, addresses: Sequence[str] | None = None
    ) -> None:
        self.database = database
        self.store = Deliveries(database)
        self.addresses = addresses or [f"reader{n:03}@example.com" for n in range(people)]
        add_people(database, self.addresses, add_list(database))
        start_delivery(database, now=datetime.now(UTC))
        self.ledger = StoredLedger(database)
        self.journal = Journal(folder, database)
        self.journal.keep_up()
        self.transport: Scripted | MemoryTransport = Scripted(accept)
        self.compose = compose
        self.policy = RetryPolicy()
        self.rates: Sequence[Rate] = ()
        self.trouble: list[str] = []
        self.dead: set[str] = set()

    @property
    def dotted(self) -> Counter[str]:
        """How often each address was given a final dot."""
        assert isinstance(self.transport, Scripted)
        return self.transport.dotted

    def send(
        self, *, only: str | None = "delivery1", lease: float = 30.0, patience: float | None = None,
        stop_after: int | None = None, stop_when: Callable[[], bool] = lambda: False,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Ending:  # fmt: skip
        async def run() -> Ending:
            stop = asyncio.Event()

            transport = self.transport if stop_after is None else Stopping(self.transport, stop_after, stop)
            dependencies = SenderDependencies(
                ledger=self.ledger, journal=self.journal, pace=StoredPace(self.database), transport=transport,
                compose=self.compose, clock=lambda: datetime.now(UTC), new_worker=this_worker,
                is_dead=lambda worker: worker.id in self.dead, on_trouble=self.trouble.append,
            )  # fmt: skip

            async def happening() -> None:
                while not stop_when():
                    meanwhile()
                    await asyncio.sleep(0.02)
                stop.set()

            task = asyncio.create_task(happening())
            settings = SenderSettings(at_once=4, lease=lease, policy=self.policy, rates=self.rates, patience=patience)
            ending = await asyncio.wait_for(send(dependencies, settings, stop, only=only), 60)
            task.cancel()
            return ending

        return asyncio.run(run())

    def counts(self) -> Counter[str]:
        return Counter(one.state.value for one in self.store.recipients("delivery1"))

    def one(self, number: int = 0) -> Recipient:
        return next(row for row in self.store.recipients("delivery1") if row.address == self.addresses[number])

    @property
    def state(self) -> DeliveryState:
        return self.store.get("delivery1").state

    def problems(self) -> tuple[str, ...]:
        with self.database.read() as connection:
            return reconcile(self.store.get("delivery1"), read_counts(connection, "delivery1"))

    def workers(self) -> int:
        with self.database.read() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(tables.workers)).scalar_one()


@pytest.fixture
def scene(database: Database, tmp_path: Path) -> Scene:
    return Scene(database, tmp_path)


def test_send_hands_over_each_message_once_and_finishes(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "newsletter.sender")
    assert scene.send() is Ending.DONE
    assert caplog.messages == ["delivery=delivery1 state=finished"]

    assert scene.dotted == dict.fromkeys(scene.addresses, 1)
    assert (scene.counts(), scene.state) == ({"accepted": 30}, DeliveryState.FINISHED)
    assert scene.problems() == ()
    assert scene.workers() == 0


def test_send_leaves_deferred_recipients_to_a_later_run(scene: Scene) -> None:
    scene.transport = MemoryTransport([BUSY] * 30)

    assert scene.send() is Ending.DONE
    assert (scene.counts(), scene.state) == ({"deferred": 30}, DeliveryState.SENDING)

    with scene.database.write() as connection:
        connection.execute(sa.update(tables.recipients).values(next_at=datetime.now(UTC)))
    assert scene.send() is Ending.DONE
    assert (scene.counts(), scene.state) == ({"accepted": 30}, DeliveryState.FINISHED)
    assert scene.problems() == ()


def test_send_holds_what_was_lost_after_the_dot(scene: Scene) -> None:
    scene.transport = MemoryTransport([OK] * 10 + [Unknown("line lost")] * 5)

    assert scene.send() is Ending.DONE
    assert (scene.counts(), scene.state) == ({"accepted": 25, "unknown": 5}, DeliveryState.FINISHED)
    assert len(scene.transport.sent) == 30
    assert scene.problems() == ()


def test_send_tries_again_what_was_lost_before_the_dot(scene: Scene) -> None:
    lost = Counter[str]()

    async def unsteady(envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        lost[envelope.recipient] += 1
        if lost[envelope.recipient] == 1 and envelope.recipient[-13] in "037":
            raise RelayConnectionError("reset")
        return await accept(envelope, message, permit)

    scene.transport = Scripted(unsteady)

    assert scene.send() is Ending.DONE
    assert scene.dotted == dict.fromkeys(scene.addresses, 1)
    assert scene.state is DeliveryState.FINISHED
    assert {one.attempts for one in scene.store.recipients("delivery1")} == {1}


def test_send_burns_no_attempt_for_a_421_before_the_dot(scene: Scene) -> None:
    closing = Deferred(Reply(421, "4.3.2", "closing"), Classification.RELAY_DOWN)
    scene.transport = MemoryTransport([closing] * 5)

    assert scene.send() is Ending.DONE
    assert (scene.counts(), scene.state) == ({"accepted": 30}, DeliveryState.FINISHED)
    assert {one.attempts for one in scene.store.recipients("delivery1")} == {1}


def test_send_stops_hoping_for_a_relay_that_is_away(scene: Scene) -> None:
    async def away(*_: object) -> Outcome:
        raise RelayConnectionError("connection refused")

    scene.transport = Scripted(away)

    assert scene.send(patience=0.3) is Ending.NO_RELAY
    assert (scene.counts(), scene.state) == ({"waiting": 30}, DeliveryState.SENDING)
    assert "connection refused" in scene.trouble
    assert scene.workers() == 0


def test_send_halts_when_the_relay_refuses_our_login(scene: Scene) -> None:
    async def refuse(*_: object) -> Outcome:
        raise RelayLoginError("535 bad credentials")

    scene.transport = Scripted(refuse)

    assert scene.send() is Ending.DONE
    assert (scene.counts(), scene.state) == ({"waiting": 30}, DeliveryState.HALTED)
    assert "535" in scene.store.get("delivery1").reason


def refusing(stage: Stage, *lines: bytes) -> Callable[..., Awaitable[Outcome]]:
    """A relay that accepts five messages and refuses the others at this stage."""
    accepted: list[str] = []

    async def answer(envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        if len(accepted) < 5:
            accepted.append(envelope.recipient)
            return await accept(envelope, message, permit)
        if stage is Stage.DOT:
            await permit()
        return outcome_of(read_reply(lines), stage)

    return answer


def pauses(scene: Scene) -> dict[str, Pause]:
    return {pause.share: pause for pause in StoredPace(scene.database).pauses()}


@pytest.mark.parametrize("stage", [Stage.DATA, Stage.DOT])
def test_daily_quota_rejects_nobody_and_pauses(scene: Scene, stage: Stage) -> None:
    scene.transport = Scripted(refusing(stage, b"550 5.4.5 Daily user sending limit exceeded"))

    assert scene.send() is Ending.DONE
    assert (scene.counts(), scene.state) == ({"accepted": 5, "waiting": 25}, DeliveryState.SENDING)
    waiting = [one for one in scene.store.recipients("delivery1") if one.state == "waiting"]
    assert {one.attempts for one in waiting} == {0}
    assert "ours (quota: 550 5.4.5 Daily user sending limit exceeded)" in {one.reason for one in waiting}
    [pause] = pauses(scene).values()
    assert pause.reason == "quota: 550 5.4.5 Daily user sending limit exceeded"
    assert pause.until

    # It is kept: what starts anew begins nothing before its end.
    begun = scene.transport.begun
    assert scene.send() is Ending.DONE
    assert scene.transport.begun == begun
    assert begun <= 5 + 4

    with scene.database.write() as connection:
        connection.execute(sa.update(tables.pauses).values(until=datetime.now(UTC)))
    scene.policy = RetryPolicy(first=timedelta(0))
    scene.transport = Scripted(accept)
    assert scene.send() is Ending.DONE
    assert (scene.counts(), scene.state, pauses(scene)) == ({"accepted": 30}, DeliveryState.FINISHED, {})


@pytest.mark.parametrize("code", ["450 4.2.1 Rate limit exceeded, slow down", "451 4.3.0 Mail server temporarily"])
def test_not_now_at_mail_pauses_everything_longer_each_time_and_nobody_expires(
    scene: Scene, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.delivery.sender.sender.SOON", 0.3)
    scene.transport = Scripted(refusing(Stage.MAIL, code.encode()))
    scene.policy = RetryPolicy(first=timedelta(seconds=0.02), expiry=timedelta(0))

    assert scene.send() is Ending.DONE
    assert (scene.counts(), scene.state) == ({"accepted": 5, "waiting": 25}, DeliveryState.SENDING)
    assert {one.attempts for one in scene.store.recipients("delivery1") if one.state == "waiting"} == {0}
    last = pauses(scene)[RELAY]
    assert last.until
    assert 2 <= last.times <= 5, "0.02, 0.04, 0.08, 0.16 seconds, and one that is not waited for"
    assert last.until - last.since == timedelta(seconds=0.02) * 2 ** (last.times - 1)
    assert scene.transport.begun <= 5 + 4 + 4, "one message tries whether a pause is over"


def test_login_that_is_put_off_pauses_everything(scene: Scene) -> None:
    tries = 0

    async def busy(envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        nonlocal tries
        tries += 1
        if tries <= 6:
            raise RelayBusyError("454 4.7.0")
        return await accept(envelope, message, permit)

    scene.transport = Scripted(busy)
    scene.policy = RetryPolicy(first=timedelta(seconds=0.02))

    assert scene.send(patience=0.1) is Ending.DONE
    assert scene.state is DeliveryState.FINISHED
    assert (tries, pauses(scene)) == (30 + 6, {})


def at_providers(database: Database, tmp_path: Path, *domains: str, people: int = 60) -> Scene:
    addresses = [f"reader{n:03}@{domains[n % len(domains)]}" for n in range(people)]
    scene = Scene(database, tmp_path, addresses=addresses)
    scene.policy = RetryPolicy(first=timedelta(seconds=0.02))
    return scene


def test_one_provider_that_blocks_us_waits_and_the_others_get_theirs(database: Database, tmp_path: Path) -> None:
    scene = at_providers(database, tmp_path, "gmail.com", "gmx.de", "firm.example", people=90)

    async def answer(envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        if envelope.recipient.endswith("@gmx.de"):
            await permit()
            return outcome_of(read_reply([b"550 5.7.1 Our system has detected unsolicited mail"]), Stage.DOT)
        return await accept(envelope, message, permit)

    scene.transport = Scripted(answer)

    assert scene.send() is Ending.DONE
    assert (scene.counts(), scene.state) == ({"accepted": 60, "waiting": 30}, DeliveryState.HALTED)
    assert scene.store.get("delivery1").reason == (
        "gmx: recipients were refused, not because of their addresses (content): "
        "550 5.7.1 Our system has detected unsolicited mail"
    )
    assert scene.problems() == ()

    scene.store.resume("delivery1", DeliveryState.SENDING, datetime.now(UTC), since=DeliveryState.HALTED)
    scene.transport = Scripted(accept)
    assert scene.send() is Ending.DONE
    assert (scene.counts(), scene.state) == ({"accepted": 90}, DeliveryState.FINISHED)


def test_operator_releases_a_share_while_the_others_are_sent(database: Database, tmp_path: Path) -> None:
    scene = at_providers(database, tmp_path, "gmail.com", "gmx.de")
    is_released = False

    async def answer(envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        if envelope.recipient.endswith("@gmx.de") and not is_released:
            return outcome_of(read_reply([b"550 5.7.1 blocked by our policy"]), Stage.RCPT)
        return await accept(envelope, message, permit)

    def is_over() -> bool:
        return scene.state is DeliveryState.FINISHED

    def release() -> None:
        nonlocal is_released
        if not is_released and "gmx" in pauses(scene):
            is_released = True
            scene.store.release_shares("delivery1")
        if scene.state is DeliveryState.HALTED:  # they were the last
            scene.store.resume("delivery1", DeliveryState.SENDING, datetime.now(UTC), since=DeliveryState.HALTED)

    scene.transport = Scripted(answer)
    assert scene.send(only=None, meanwhile=release, stop_when=is_over) is Ending.STOPPED
    assert (scene.counts(), scene.state) == ({"accepted": 60}, DeliveryState.FINISHED)


def test_reader_refused_by_policy_three_times_beside_accepted_neighbours_is_listed(
    database: Database, tmp_path: Path
) -> None:
    scene = at_providers(database, tmp_path, "gmail.com", "firm.example", "alone.example")
    refused = {scene.addresses[9], scene.addresses[4], *scene.addresses[2::3]}
    begun = Counter[str]()

    async def answer(envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        begun[envelope.recipient] += 1
        if envelope.recipient in refused - set(scene.addresses[8::3]):
            return outcome_of(read_reply([b"550 5.7.1 this message is likely unsolicited mail"]), Stage.RCPT)
        return await accept(envelope, message, permit)

    scene.transport = Scripted(answer)

    assert scene.send() is Ending.DONE
    assert scene.state is DeliveryState.FINISHED
    rejected = [one for one in scene.store.recipients("delivery1") if one.state == "rejected"]
    assert {one.reason for one in rejected} == {"policy: 550 5.7.1 this message is likely unsolicited mail"}
    assert {begun[one.address] for one in rejected} == {3}
    assert scene.counts() == {"accepted": 56, "rejected": 4}
    with scene.database.read() as connection:
        assert not connection.execute(sa.select(tables.suppressions)).all()


def test_few_at_a_provider_that_refuses_all_of_them_halt_it(database: Database, tmp_path: Path) -> None:
    scene = at_providers(database, tmp_path, "gmail.com", *["gmx.de"] * 14, people=45)

    async def answer(envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        if envelope.recipient.endswith("@gmail.com"):
            return outcome_of(read_reply([b"550 5.7.1 this message is likely unsolicited mail"]), Stage.RCPT)
        return await accept(envelope, message, permit)

    scene.transport = Scripted(answer)

    assert scene.send() is Ending.DONE
    assert (scene.counts(), scene.state) == ({"accepted": 42, "waiting": 3}, DeliveryState.HALTED)
    assert scene.store.get("delivery1").reason.startswith("gmail: nobody was accepted: content: 550 5.7.1")


def test_the_same_rejection_of_many_in_a_row_halts_and_resume_continues(scene: Scene) -> None:
    async def reject(*_: object) -> Outcome:
        return outcome_of(read_reply([b"550 5.1.1 Come back when the moon is new"]), Stage.RCPT)

    scene.transport = Scripted(reject)

    assert scene.send() is Ending.DONE
    assert scene.state is DeliveryState.HALTED
    rejected = scene.counts()["rejected"]
    assert 20 <= rejected <= 23, "three other messages were in flight"
    assert scene.counts() == {"rejected": rejected, "waiting": 30 - rejected}
    reason = "20 recipients in a row were rejected with the same reply: 550 5.1.1 Come back when the moon is new"
    assert scene.store.get("delivery1").reason.startswith(reason)

    scene.store.resume("delivery1", DeliveryState.SENDING, datetime.now(UTC), since=DeliveryState.HALTED)
    scene.transport = Scripted(accept)
    assert scene.send() is Ending.DONE
    expected = {"rejected": rejected, "accepted": 30 - rejected}
    assert (scene.counts(), scene.state) == (expected, DeliveryState.FINISHED)


def test_resumed_delivery_does_not_halt_twice_for_the_same_reply(database: Database, tmp_path: Path) -> None:
    async def reject(envelope: Envelope, *_: object) -> Outcome:
        local = envelope.recipient.partition("@")[0]
        return outcome_of(read_reply([f"550 5.1.1 {local} has moved, ticket {local[-3:]}".encode()]), Stage.RCPT)

    scene = Scene(database, tmp_path, people=80)
    scene.transport = Scripted(reject)
    assert scene.send() is Ending.DONE
    assert scene.state is DeliveryState.HALTED

    scene.store.resume("delivery1", DeliveryState.SENDING, datetime.now(UTC), since=DeliveryState.HALTED)
    assert scene.send() is Ending.DONE
    assert (scene.counts(), scene.state) == ({"rejected": 80}, DeliveryState.FINISHED)


def test_policy_of_single_recipients_lets_the_delivery_end(scene: Scene) -> None:
    async def answer(envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        if envelope.recipient[-13] != "0":
            reply = b"550 5.7.1 Message rejected by recipient's content policy"
            return outcome_of(read_reply([reply]), Stage.RCPT)
        return await accept(envelope, message, permit)

    scene.transport = Scripted(answer)

    assert scene.send() is Ending.DONE
    assert (scene.counts(), scene.state) == ({"accepted": 3, "rejected": 27}, DeliveryState.FINISHED)


@pytest.mark.parametrize("people", [300])
def test_five_providers_that_limit_defer_and_block_lose_nobody_and_disturb_no_other(
    database: Database, tmp_path: Path, people: int
) -> None:
    scene = at_providers(database, tmp_path, "gmail.com", "gmx.de", "yahoo.com", "firm.example", "outlook.com",
                         people=people)  # fmt: skip
    blocked, gone = scene.addresses[3], scene.addresses[8]
    accepted, seen = Counter[str](), Counter[str]()
    taken: list[float] = []
    halts: list[Counter[str]] = []

    async def answer(envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        address, now = envelope.recipient, time.monotonic()
        seen[address] += 1
        stage, reply = Stage.RCPT, b""
        match address.partition("@")[2]:
            case "gmail.com" if sum(now - at < 0.1 for at in taken) >= people // 20:
                reply = b"450 4.2.1 You are sending at a rate that prevents additional messages"
            case "gmail.com":
                taken.append(now)
            case "gmx.de" if seen[address] == 1:
                reply = b"451 4.7.1 Greylisted, try again"
            case "yahoo.com" if not halts:
                await permit()
                stage, reply = Stage.DOT, b"554 5.7.9 Message not accepted for policy reasons"
            case "firm.example" if address == blocked:
                reply = b"550 5.7.1 this message is likely unsolicited mail"
            case "firm.example" if address == gone:
                reply = b"550 5.1.1 no such user"
        if reply:
            return outcome_of(read_reply([reply]), stage)
        outcome = await accept(envelope, message, permit)
        accepted[address] += 1
        return outcome

    def resume() -> None:
        if scene.state is DeliveryState.HALTED:
            halts.append(Counter(one.rpartition("@")[2] for one in accepted))
            scene.store.resume("delivery1", DeliveryState.SENDING, datetime.now(UTC), since=DeliveryState.HALTED)

    scene.transport = Scripted(answer)
    ending = scene.send(only=None, meanwhile=resume, stop_when=lambda: scene.state is DeliveryState.FINISHED)

    assert ending is Ending.STOPPED
    fifth = people // 5
    assert halts == [{"gmail.com": fifth, "gmx.de": fifth, "firm.example": fifth - 2, "outlook.com": fifth}], (
        "everybody else had theirs when the delivery halted, once, with the provider that blocks"
    )
    assert accepted == dict.fromkeys(set(scene.addresses) - {blocked, gone}, 1)
    assert scene.counts() == {"accepted": people - 2, "rejected": 2}
    assert scene.problems() == ()
    attempts = {one.address: one.attempts for one in scene.store.recipients("delivery1")}
    assert {address: count for address, count in attempts.items() if count != 1} == {
        address: 2 for address in scene.addresses if address.endswith("@gmx.de")
    }, "only a deferral of their own is charged to anybody"
    assert set(suppressed(scene)) == {gone}


def test_rate_of_a_day_is_kept_over_a_restart_and_shared(scene: Scene) -> None:
    scene.rates = [Rate(12, "day")]

    assert scene.send() is Ending.DONE
    assert (scene.counts(), scene.state) == ({"accepted": 12, "waiting": 18}, DeliveryState.SENDING)
    assert scene.send() is Ending.DONE
    assert sum(scene.dotted.values()) == 12
    shown = summary_of(scene.database, "delivery1", scene.rates)
    assert shown.next_at
    assert shown.next_at > datetime.now(UTC) + timedelta(hours=23)
    assert (shown.left, shown.takes) == (0, timedelta(days=2))

    # A stopped worker gives back what it did not use.
    scene.rates = [Rate(13, "day")]
    scene.send(stop_after=1)
    with scene.database.read() as connection:
        assert left_of(connection, [Rate(100, "day")], datetime.now(UTC)).count == 100 - 13


def test_rate_of_a_second_is_waited_for(scene: Scene) -> None:
    begun: list[float] = []

    async def noted(envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        begun.append(time.time())
        return await accept(envelope, message, permit)

    scene.transport, scene.rates = Scripted(noted), [Rate(12, "second")]
    assert scene.send() is Ending.DONE
    assert scene.state is DeliveryState.FINISHED
    assert begun[-1] - begun[0] > 1, "the last six had to wait for the third second"


def suppressed(scene: Scene) -> dict[str, tuple[str, str]]:
    with scene.database.read() as connection:
        rows = connection.execute(sa.select(tables.suppressions)).all()
    return {row.address: (row.reason, row.note) for row in rows}


def test_address_that_does_not_exist_is_suppressed_once_the_delivery_rests(scene: Scene) -> None:
    replies = {
        scene.addresses[3]: (Stage.RCPT, b"550 5.1.1 no such user"),
        scene.addresses[4]: (Stage.DOT, b"550 5.1.1 no such user"),
        scene.addresses[5]: (Stage.RCPT, b"550 Come back when the moon is new"),
        scene.addresses[6]: (Stage.RCPT, b"552 5.2.2 mailbox over quota"),
        scene.addresses[7]: (Stage.RCPT, b"451 4.7.1 greylisted"),
    }

    async def answer(envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        if envelope.recipient in replies:
            stage, reply = replies[envelope.recipient]
            if stage is Stage.DOT:
                await permit()
            return outcome_of(read_reply([reply]), stage)
        return await accept(envelope, message, permit)

    scene.transport = Scripted(answer)
    assert scene.send() is Ending.DONE
    assert (scene.counts(), scene.state) == ({"accepted": 25, "rejected": 4, "deferred": 1}, DeliveryState.SENDING)
    evidence = ("invalid_address", "delivery delivery1: 550 5.1.1 no such user")
    assert suppressed(scene) == {scene.addresses[3]: evidence}

    # An operator lifts it for good: the same refusal does not bring it back.
    with scene.database.write() as connection:
        connection.execute(sa.delete(tables.suppressions))
        connection.execute(sa.update(tables.recipients).values(next_at=datetime.now(UTC)))
    scene.transport = Scripted(accept)
    assert scene.send() is Ending.DONE
    assert (scene.state, suppressed(scene)) == (DeliveryState.FINISHED, {})


def test_relay_that_knows_nobody_suppresses_nobody_unless_an_operator_says_that_it_is_right(scene: Scene) -> None:
    async def reject(*_: object) -> Outcome:
        return outcome_of(read_reply([b"550 5.1.1 User unknown"]), Stage.RCPT)

    scene.transport = Scripted(reject)
    assert scene.send() is Ending.DONE
    assert (scene.state, suppressed(scene)) == (DeliveryState.HALTED, {})

    scene.store.resume("delivery1", DeliveryState.SENDING, datetime.now(UTC), since=DeliveryState.HALTED)
    assert scene.send() is Ending.DONE
    assert scene.state is DeliveryState.FINISHED
    assert set(suppressed(scene)) == set(scene.addresses)


def test_send_excludes_whom_no_message_can_be_composed_for(scene: Scene) -> None:
    async def fails_for_one(claim: Claim) -> tuple[Envelope, Message]:
        if claim.address == scene.addresses[3]:
            raise ComposeError("half a character")
        if claim.address == scene.addresses[4]:
            raise KeyError("a mistake of ours")
        return await compose(claim)

    scene.compose = fails_for_one

    assert scene.send() is Ending.DONE
    assert (scene.counts(), scene.state) == ({"accepted": 28, "excluded": 2}, DeliveryState.FINISHED)
    assert (scene.one(3).reason, scene.one(4).reason) == ("render", "render")


def test_send_halts_when_too_many_messages_cannot_be_composed(scene: Scene) -> None:
    async def fails(claim: Claim) -> tuple[Envelope, Message]:
        raise ComposeError("the edition is damaged")

    scene.compose = fails

    assert scene.send() is Ending.DONE
    assert scene.state is DeliveryState.HALTED
    assert "the edition is damaged" in scene.store.get("delivery1").reason
    assert scene.counts() == {"excluded": 21, "waiting": 9}


def test_send_tells_the_place_of_a_mistake_of_ours_but_no_address(scene: Scene) -> None:
    class Paper:
        def __getattr__(self, name: str) -> str:
            raise KeyError(*scene.addresses)

    async def mistaken(claim: Claim) -> tuple[Envelope, Message]:
        return address_envelope(claim, cast("MessageContext", Paper())), (await compose(claim))[1]

    scene.compose = mistaken

    assert scene.send() is Ending.DONE
    told = [*scene.trouble, scene.store.get("delivery1").reason]
    assert len(told) == 22
    assert all(re.search(r"KeyError at delivery/compose/envelope\.py:\d+$", text) for text in told)


def test_worker_goes_on_with_a_delivery_that_a_person_resumed(scene: Scene) -> None:
    ours = Rejected(Reply(550, "5.7.1", "policy"), Classification.POLICY)
    scene.transport = MemoryTransport([ours] * 20)

    def resume() -> None:
        if scene.state is DeliveryState.HALTED:
            scene.store.resume("delivery1", DeliveryState.SENDING, datetime.now(UTC), since=DeliveryState.HALTED)

    scene.policy = RetryPolicy(first=timedelta(0))

    assert scene.send(only=None, stop_after=30, meanwhile=resume) is Ending.STOPPED
    assert scene.counts() == {"accepted": 30}


def test_worker_goes_on_with_a_resumed_delivery_while_an_old_reply_is_awaited(scene: Scene) -> None:
    """One message waits for its reply while others make the delivery halt, and still when a person resumes it."""
    slow: list[str] = []
    halts: list[str] = []
    first_left, all_left = asyncio.Event(), asyncio.Event()

    async def answer(envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        if not slow:
            slow.append(envelope.recipient)
            await permit()
            first_left.set()
            async with asyncio.timeout(10):
                await all_left.wait()
            return OK
        await first_left.wait()
        if not halts:
            raise RelayLoginError("535 bad credentials")
        await permit()
        if len(scene.dotted) == len(scene.addresses):
            all_left.set()
        return OK

    def resume() -> None:
        if scene.state is DeliveryState.HALTED:
            halts.append(scene.store.get("delivery1").reason)
            scene.store.move("delivery1", DeliveryState.SENDING, since=DeliveryState.HALTED)

    scene.transport = Scripted(answer)

    assert scene.send(only=None, stop_after=30, meanwhile=resume) is Ending.STOPPED
    assert scene.dotted == dict.fromkeys(scene.addresses, 1)
    assert (scene.counts(), set(halts)) == ({"accepted": 30}, {"535 bad credentials"})


def test_stop_finishes_what_is_under_way_and_gives_the_rest_back(scene: Scene) -> None:
    async def slow(envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        await permit()
        await asyncio.sleep(0.05)
        return OK

    scene.transport = Scripted(slow)

    assert scene.send(stop_after=6) is Ending.STOPPED
    counts = scene.counts()
    assert set(counts) == {"accepted", "waiting"}
    assert 6 <= counts["accepted"] <= 6 + 4
    assert scene.workers() == 0

    assert scene.send() is Ending.DONE
    assert scene.dotted == dict.fromkeys(scene.addresses, 1)
    assert scene.problems() == ()


def test_pause_lets_no_further_dot_be_written(scene: Scene) -> None:
    async def pausing(envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        await permit()
        if len(scene.dotted) == 5:
            scene.store.move("delivery1", DeliveryState.PAUSED, since=DeliveryState.SENDING)
        return OK

    scene.transport = Scripted(pausing)

    assert scene.send() is Ending.DONE
    counts = scene.counts()
    assert (set(counts), scene.state) == ({"accepted", "waiting"}, DeliveryState.PAUSED)
    assert counts["accepted"] == sum(scene.dotted.values()) <= 5 + 4


def test_send_takes_over_from_a_dead_worker(scene: Scene) -> None:
    dead = make_worker("dead")
    scene.ledger.register(dead, 3600.0, datetime.now(UTC))
    assert len(scene.ledger.claim("delivery1", dead, 7, datetime.now(UTC))) == 7
    scene.dead.add("dead")

    assert scene.send() is Ending.DONE
    assert scene.counts() == {"accepted": 30}


def test_send_waits_for_the_lease_of_a_worker_it_cannot_see(scene: Scene) -> None:
    silent = make_worker("silent")
    scene.ledger.register(silent, 1.0, datetime.now(UTC))
    scene.ledger.claim("delivery1", silent, 7, datetime.now(UTC))

    assert scene.send(lease=0.6) is Ending.DONE
    assert (scene.counts(), scene.state) == ({"accepted": 30}, DeliveryState.FINISHED)


def reclaim_after_five(scene: Scene) -> Scripted:
    """A relay that takes everything; after five messages the worker is reclaimed, as after a long silence."""
    is_reclaimed = False

    async def interrupted(envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        nonlocal is_reclaimed
        if len(scene.dotted) >= 5 and not is_reclaimed:
            scene.ledger.recover(datetime.now(UTC), lambda worker: True)
            is_reclaimed = scene.workers() == 0  # a worker whose renewal is being written is not reclaimed
        return await accept(envelope, message, permit)

    return Scripted(interrupted)


class Shut(StoredLedger):
    """A ledger that refuses to register a worker at these times, counted from the first."""

    shut_at: Container[int] = ()
    error: StorageError = DatabaseBusyError("locked")
    times = 0

    def register(self, worker: Worker, lease: float, now: datetime) -> None:
        self.times += 1
        if self.times in self.shut_at:
            raise self.error
        super().register(worker, lease, now)


@pytest.fixture
def shut(scene: Scene) -> Shut:
    scene.transport = reclaim_after_five(scene)
    scene.ledger = Shut(scene.database)
    return scene.ledger


def test_worker_that_was_reclaimed_registers_again(scene: Scene, shut: Shut) -> None:
    assert scene.send(lease=0.6) is Ending.DONE
    assert shut.times >= 2
    assert scene.dotted == dict.fromkeys(scene.addresses, 1)
    assert (scene.counts(), scene.state) == ({"accepted": 30}, DeliveryState.FINISHED)
    assert scene.problems() == ()


def test_worker_that_was_reclaimed_waits_until_it_can_register_again(scene: Scene, shut: Shut) -> None:
    shut.shut_at = [2, 3]

    assert scene.send(lease=0.6) is Ending.DONE
    assert scene.trouble == ["locked"] * 2
    assert (scene.counts(), scene.state) == ({"accepted": 30}, DeliveryState.FINISHED)


def test_worker_that_cannot_register_again_stops_when_asked_to(scene: Scene, shut: Shut) -> None:
    shut.shut_at = range(2, 1000)

    assert scene.send(lease=0.6, stop_when=lambda: bool(scene.trouble)) is Ending.STOPPED
    assert set(scene.counts()) == {"accepted", "waiting"}


def test_worker_that_was_reclaimed_does_not_wait_for_a_damaged_database(scene: Scene, shut: Shut) -> None:
    shut.shut_at, shut.error = [2], DamagedDatabaseError("damaged")

    with pytest.raises(DamagedDatabaseError):
        scene.send(lease=0.6)
    assert scene.trouble == []


def test_worker_that_cannot_register_at_the_start_raises(scene: Scene, shut: Shut) -> None:
    shut.shut_at = [1]

    with pytest.raises(DatabaseBusyError):
        scene.send()


@pytest.mark.parametrize("state", ["waiting", "deferred"])
def test_send_goes_on_behind_very_many_who_are_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch, state: str, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        "newsletter.storage.ledger.claims._MOST_REFUSED", 1
    )  # so that a claim refuses 32 and comes back
    scene, now = Scene(database, tmp_path, people=80), datetime.now(UTC)
    if state == "deferred":
        worker = make_worker()
        scene.ledger.register(worker, 30.0, now)
        claims = scene.ledger.claim("delivery1", worker, 80, now)
        scene.ledger.record(worker, [Settlement(one, Decision.retry(now, "later"), BUSY) for one in claims], [], now)
    for address in scene.addresses:
        suppress(scene.database, address)

    assert scene.send() is Ending.DONE
    assert (scene.counts(), scene.state) == ({"suppressed": 80}, DeliveryState.FINISHED)


def test_lease_is_renewed_while_a_delivery_is_reconciled(scene: Scene) -> None:
    is_reading, was_renewed = threading.Event(), threading.Event()
    seen: list[bool] = []

    class Voluminous(StoredLedger):
        """A ledger that does not begin to reconcile before the lease was renewed once more, or a while has passed."""

        def finish(self, delivery: str, now: datetime) -> bool:
            is_reading.set()
            seen.append(was_renewed.wait(10))
            return super().finish(delivery, now)

        def renew(self, worker: Worker, lease: float) -> bool:
            is_renewed = super().renew(worker, lease)
            if is_reading.is_set():
                was_renewed.set()
            return is_renewed

    scene.ledger = Voluminous(scene.database)

    assert scene.send(lease=0.6) is Ending.DONE
    assert (seen, scene.state) == ([True], DeliveryState.FINISHED)


class Unreliable(StoredLedger):
    """A ledger whose database goes away for a while; `lost` commits happen without our hearing of it."""

    failing = 0
    lost = False

    def record(self, *arguments: Any) -> list[bool]:
        if self.failing > 0 and arguments[1] + arguments[2]:
            self.failing -= 1
            if not self.lost:
                raise DatabaseBusyError("locked")
            super().record(*arguments)
            raise CommitLostError("the line broke")
        return super().record(*arguments)


@pytest.mark.parametrize("step", ["sending", "claim", "record", "renew", "halt", "compose"])
def test_damaged_database_is_not_waited_for(scene: Scene, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def fail(*_: object) -> NoReturn:
        raise DamagedDatabaseError("damaged")

    async def answer(_envelope: Envelope, _message: Message, _permit: Permit) -> Outcome:
        if step == "renew":
            await asyncio.sleep(10)
        raise RelayLoginError("no")

    if step != "record":
        scene.transport = Scripted(answer)
    monkeypatch.setattr(scene if step == "compose" else scene.ledger, step, fail)
    with pytest.raises(DamagedDatabaseError):
        scene.send(lease=0.3 if step == "renew" else 30.0)
    assert scene.trouble == []


@pytest.mark.parametrize("lost", [False, True])
def test_no_dot_is_written_without_a_confirmed_permit(scene: Scene, lost: bool) -> None:
    ledger = Unreliable(scene.database)
    ledger.lost = lost
    scene.ledger = ledger
    refused, outages = 0, [8, 20]

    async def answer(envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        nonlocal refused
        if outages and len(scene.dotted) >= outages[0]:
            outages.pop(0)
            ledger.failing = 3
        try:
            return await accept(envelope, message, permit)
        except PermitRefusedError:
            refused += 1
            raise

    scene.transport = Scripted(answer)

    assert scene.send() is Ending.DONE
    assert refused > 0
    assert scene.dotted == dict.fromkeys(scene.addresses, 1)
    assert (scene.counts(), scene.state) == ({"accepted": 30}, DeliveryState.FINISHED)
    assert scene.problems() == ()


def test_resend_with_other_bytes_is_held(scene: Scene) -> None:
    scene.transport = MemoryTransport([Unknown("line lost")])
    scene.send()
    [lost] = [one for one in scene.store.recipients("delivery1") if one.state == "unknown"]
    resend_unknown(scene.database, "delivery1", datetime.now(UTC))

    async def changed(claim: Claim) -> tuple[Envelope, Message]:
        envelope, message = await compose(claim)
        return envelope, Message(message.id, message.data + b"!", "d" * 64)

    scene.compose = changed
    scene.send()
    held = scene.store.recipient(lost.id)
    assert held is not None
    assert (held.state.value, held.reason, len(scene.transport.sent)) == ("unknown", WOULD_DIFFER, 30)
    assert scene.problems() == ()

    # Saying so once more means the new bytes.
    resend_unknown(scene.database, "delivery1", datetime.now(UTC))
    scene.send()
    sent = scene.store.recipient(lost.id)
    assert sent is not None
    assert (sent.state.value, len(scene.transport.sent)) == ("accepted", 31)


def test_send_of_all_deliveries_takes_turns_until_it_is_stopped(scene: Scene) -> None:
    start_delivery(scene.database, "other", issue="second", now=datetime.now(UTC))

    assert scene.send(only=None, stop_after=60) is Ending.STOPPED
    assert scene.dotted == dict.fromkeys(scene.addresses, 2)


def test_two_processes_send_one_delivery_together(scene: Scene) -> None:
    async def slow(envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        await asyncio.sleep(0.01)
        return await accept(envelope, message, permit)

    scene.transport = Scripted(slow)
    endings: list[Ending] = []
    threads = [threading.Thread(target=lambda: endings.append(scene.send())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert endings == [Ending.DONE] * 2
    assert scene.dotted == dict.fromkeys(scene.addresses, 1)
    assert (scene.counts(), scene.state) == ({"accepted": 30}, DeliveryState.FINISHED)


def test_mistake_of_ours_before_the_permit_sets_one_message_back(scene: Scene) -> None:
    mistakes = [ValueError(scene.addresses[7])]

    async def broken(envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        if envelope.recipient == scene.addresses[7] and mistakes:
            raise mistakes.pop()
        return await accept(envelope, message, permit)

    scene.transport = Scripted(broken)

    assert scene.send() is Ending.DONE
    assert scene.dotted == dict.fromkeys(scene.addresses, 1)
    assert (scene.counts(), scene.one(7).attempts) == ({"accepted": 30}, 1)
    assert [re.sub(r"\d+$", "…", text) for text in scene.trouble] == ["ValueError at delivery/sender/handover.py:…"]


def test_mistake_of_ours_after_the_permit_is_unknown(scene: Scene) -> None:
    async def broken(envelope: Envelope, _message: Message, permit: Permit) -> Outcome:
        await permit()
        raise ValueError(envelope.recipient)

    scene.transport = Scripted(broken)

    assert scene.send() is Ending.DONE
    assert scene.counts() == {"unknown": 30}
    assert scene.dotted == dict.fromkeys(scene.addresses, 1)
    assert "@" not in "".join(scene.trouble)


def test_error_that_nobody_expects_ends_the_loop_with_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(scene.ledger, "record", broken)

    with pytest.raises(ZeroDivisionError):
        scene.send()
