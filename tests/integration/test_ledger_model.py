"""The ledger against a model of what relays took, in any order of claims, permits, deaths and replies."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

from factories import NOW, add_list, add_people, make_worker, start_delivery, suppress
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.classification import Classification
from newsletter.delivery.ledger.ledger import Claim, PermitRequest, RecipientState, Settlement, Worker
from newsletter.delivery.ledger.outcome import Accepted, Deferred, Outcome, Rejected, Reply, Unknown
from newsletter.delivery.ledger.retry import RetryPolicy, decide, set_back
from newsletter.reporting.reconcile import reconcile
from newsletter.storage.database.database import open_database
from newsletter.storage.database.migrate import require_current
from newsletter.storage.ledger.claims import StoredLedger
from newsletter.storage.ledger.counters import resent_ones
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.storage.ledger.reconcile import read_counts
from newsletter.storage.ledger.resolve import resend_unknown

PEOPLE = 3
NAMES = ("first", "second")
POLICY = RetryPolicy()
REPLIES: list[Outcome] = [
    Accepted(Reply(250, "", "ok")),
    Deferred(Reply(451, "", "later")),
    Rejected(Reply(550, "", "no")),
    Rejected(Reply(550, "5.7.1", "policy"), Classification.POLICY),
]


class Ledger(RuleBasedStateMachine):
    """Two deliveries of one issue, workers that come, work and die, and a relay that remembers what it took."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-model-"))
        self.database = open_database(f"sqlite:///{self.folder / 'model.db'}")
        require_current(self.database, fill_empty=True)
        self.store = Deliveries(self.database)
        self.ledger = StoredLedger(self.database)
        self.now: datetime = NOW
        self.number = 0
        self.claimed: list[tuple[Worker, Claim]] = []
        """Claims of workers who have not asked for a permit yet."""
        self.dotted: list[tuple[Worker, Claim]] = []
        """Messages whose dot was written and whose outcome is not recorded."""
        self.taken: Counter[str] = Counter()
        """Address → copies that the relay has."""
        self.said: Counter[str] = Counter()
        """Address → how often a person had it sent again."""
        self.suppressed = False

    @initialize()
    def begin(self) -> None:
        add_people(self.database, [f"reader{n}@example.com" for n in range(PEOPLE)], add_list(self.database))
        for name in NAMES:
            start_delivery(self.database, name, now=self.now)
        self.worker = self.new_worker()

    def new_worker(self) -> Worker:
        self.number += 1
        worker = make_worker(f"worker{self.number}")
        self.ledger.register(worker, 1e9, self.now)
        return worker

    # One rule, because of several each example would leave some out, and then hardly anything happens.

    @rule(
        data=st.data(),
        what=st.sampled_from(["claim", "permit", "permit", "reply", "line", "worker", "steer", "resend", "leave"]),
    )
    def step(self, data: st.DataObject, what: str) -> None:
        """Something happens."""
        name, yes = data.draw(st.sampled_from(NAMES)), data.draw(st.booleans())
        match what:
            case "claim":
                self.claim(name)
            case "permit":
                self.permit(data)
            case "reply":
                self.reply(data, yes)
            case "line":
                self.lose_line(data, yes)
            case "worker":
                self.lose_worker(data.draw(st.sampled_from(["killed", "killed", "frozen", "leaves"])), yes)
            case "steer":
                self.steer(name, data.draw(st.sampled_from(["pause", "finish", "wait", "wait"])))
            case "resend":
                self.resend(name)
            case "leave":
                self.leave_or_cancel(name, yes)

    def claim(self, name: str) -> None:
        self.claimed += [(self.worker, one) for one in self.ledger.claim(name, self.worker, PEOPLE, self.now)]

    def permit(self, data: st.DataObject) -> None:
        """Ask for permits, also with claims that were taken over meanwhile; write each dot only if it is granted."""
        for worker, claim in self.draw_some(data, self.claimed):
            if self.ledger.record(worker, [], [PermitRequest(claim, claim.recipient, "b" * 64)], self.now) == [True]:
                self.dotted.append((worker, claim))

    def reply(self, data: st.DataObject, twice: bool) -> None:
        """The relay judges; the worker may have been given up meanwhile, and may record what it knows twice."""
        for worker, claim in self.draw_some(data, self.dotted):
            reply = data.draw(st.sampled_from(REPLIES))
            self.taken[claim.address] += isinstance(reply, Accepted)
            for _ in range(1 + twice):
                self.settle(worker, claim, reply)

    def lose_line(self, data: st.DataObject, arrived: bool) -> None:
        """Before the dot nothing has arrived; after it the relay may have the message or not."""
        for worker, claim in self.draw_some(data, self.claimed):
            decision = set_back("reset", setbacks=0, now=self.now, policy=POLICY)
            self.ledger.record(worker, [Settlement(claim, decision, None)], [], self.now)
        for worker, claim in self.draw_some(data, self.dotted):
            self.taken[claim.address] += arrived
            self.settle(worker, claim, Unknown("line lost"))

    def lose_worker(self, how: str, arrived: bool) -> None:
        """Another worker comes. One that was only frozen goes on afterwards with what it still holds."""
        if how == "leaves" and not any(worker == self.worker for worker, _ in self.dotted):
            self.ledger.deregister(self.worker, self.now)
            self.claimed = [one for one in self.claimed if one[0] != self.worker]
        elif how == "killed":
            for worker, claim in self.dotted:
                self.taken[claim.address] += arrived and worker == self.worker
            self.claimed = [one for one in self.claimed if one[0] != self.worker]
            self.dotted = [one for one in self.dotted if one[0] != self.worker]
        self.ledger.recover(self.now, lambda worker: worker == self.worker)
        self.worker = self.new_worker()

    def steer(self, name: str, what: str) -> None:
        if what == "wait":
            self.now += timedelta(minutes=21)
        elif what == "finish":
            if self.ledger.finish(name, self.now):
                open_ones = {"waiting", "claimed", "permitted", "deferred"}
                assert not open_ones & {one.state.value for one in self.store.recipients(name)}
        elif self.store.get(name).state is DeliveryState.SENDING:
            self.store.move(name, DeliveryState.PAUSED, since=DeliveryState.SENDING)
        elif self.store.get(name).state is DeliveryState.PAUSED:
            self.store.move(name, DeliveryState.SENDING, since=DeliveryState.PAUSED)

    def resend(self, name: str) -> None:
        """A person has everything unknown sent again."""
        if self.store.get(name).state is DeliveryState.CANCELLED:
            return
        self.said.update(one.address for one in self.store.recipients(name) if one.state is RecipientState.UNKNOWN)
        resend_unknown(self.database, name, self.now)

    def leave_or_cancel(self, name: str, leave: bool) -> None:
        """Somebody is suppressed, or a delivery cancelled: what waits to be sent again is not."""
        if leave:
            if not self.suppressed:
                suppress(self.database, "reader0@example.com")
            self.suppressed = True
        elif self.store.get(name).state not in (DeliveryState.FINISHED, DeliveryState.CANCELLED):
            self.store.cancel(name, self.now, since=self.store.get(name).state)

    def draw_some(self, data: st.DataObject, pile: list[tuple[Worker, Claim]]) -> list[tuple[Worker, Claim]]:
        """Take some claims off a pile, whichever."""
        chosen = [index for index in range(len(pile)) if data.draw(st.booleans())]
        return [pile.pop(index) for index in reversed(chosen)]

    def settle(self, worker: Worker, claim: Claim, outcome: Outcome) -> None:
        decision = decide(outcome, attempts=claim.attempts, eligible_at=claim.eligible_at, now=self.now, policy=POLICY)
        self.ledger.record(worker, [Settlement(claim, decision, outcome)], [], self.now)

    @invariant()
    def nobody_gets_two_copies(self) -> None:
        assert all(copies <= 1 + self.said[address] for address, copies in self.taken.items())
        twice = {address for address, copies in self.taken.items() if copies > 1}
        if twice:
            with self.database.read() as connection:
                listed = {one.id for name in NAMES for one in resent_ones(connection, name)}
            named = {one.address for name in NAMES for one in self.store.recipients(name) if one.id in listed}
            assert twice - {claim.address for _, claim in self.dotted} <= named

    @invariant()
    def every_copy_is_known_or_listed(self) -> None:
        states: dict[str, set[str]] = {}
        for name in NAMES:
            for one in self.store.recipients(name):
                states.setdefault(one.address, set()).add(one.state.value)
        in_flight = {claim.address for _, claim in self.dotted}
        waiting_again = {address for address in self.said if states[address] & {"waiting", "claimed", "deferred"}}
        for address, copies in self.taken.items():
            if copies and address not in in_flight | waiting_again:
                assert states[address] & {"accepted", "unknown"}
        for address, seen in states.items():
            if "accepted" in seen:
                assert 1 <= self.taken[address] <= 1 + self.said[address]

    @invariant()
    def everything_is_reconciled(self) -> None:
        for name in NAMES if self.number else ():
            with self.database.read() as connection:
                assert reconcile(self.store.get(name), read_counts(connection, name)) == ()

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder)


TestLedger = Ledger.TestCase
TestLedger.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
