"""The ledger against a model of what relays took, in any order of claims, permits, deaths and replies."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

from factories import NOW, add_list, add_people, make_worker, start_delivery
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger import Claim, PermitRequest, Settlement, Worker
from newsletter.delivery.outcome import Accepted, Deferred, Fault, Outcome, Rejected, Reply, Unknown
from newsletter.delivery.retry import RetryPolicy, decide, set_back
from newsletter.reporting.report import check_equation
from newsletter.storage.books import read_books
from newsletter.storage.deliveries import Deliveries
from newsletter.storage.engine import open_database
from newsletter.storage.ledger import StoredLedger
from newsletter.storage.migrate import require_current

PEOPLE = 4
NAMES = ("first", "second")
POLICY = RetryPolicy()
REPLIES: list[Outcome] = [
    Accepted(Reply(250, "", "ok")),
    Deferred(Reply(451, "", "later")),
    Rejected(Reply(550, "", "no")),
    Rejected(Reply(550, "5.7.1", "policy"), Fault.OURS),
]


class Ledger(RuleBasedStateMachine):
    """Two deliveries of one issue, workers that come, work and die, and a relay that remembers what it took."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-model-"))
        self.database = open_database(f"sqlite:///{self.folder / 'model.db'}")
        require_current(self.database, fill_empty=True)
        self.store = Deliveries(self.database)
        self.ledger = StoredLedger(self.database, expiry=POLICY.expiry)
        self.now: datetime = NOW
        self.number = 0
        self.claimed: list[tuple[Worker, Claim]] = []
        """Claims of workers who have not asked for a permit yet."""
        self.dotted: list[tuple[Worker, Claim]] = []
        """Messages whose dot was written and whose outcome is not recorded."""
        self.taken: Counter[str] = Counter()
        """Address → copies that the relay has."""

    @initialize()
    def begin(self) -> None:
        add_people(self.database, [f"reader{n}@example.com" for n in range(PEOPLE)], add_list(self.database))
        for name in NAMES:
            start_delivery(self.database, name, now=self.now)
        self.worker = self.new_worker()

    def new_worker(self) -> Worker:
        self.number += 1
        worker = make_worker(f"worker{self.number}")
        self.ledger.enter(worker, 1e9, self.now)
        return worker

    @rule(name=st.sampled_from(NAMES), limit=st.integers(1, 3))
    def claim(self, name: str, limit: int) -> None:
        self.claimed += [(self.worker, one) for one in self.ledger.claim(name, self.worker, limit, self.now)]

    @rule(data=st.data())
    def permit(self, data: st.DataObject) -> None:
        """Ask for a permit, also with a claim that was taken over meanwhile; write the dot only if it is granted."""
        if self.claimed:
            worker, claim = self.claimed.pop(data.draw(st.integers(0, len(self.claimed) - 1)))
            if self.ledger.record(worker, [], [PermitRequest(claim, claim.recipient, "b" * 64)], self.now) == [True]:
                self.dotted.append((worker, claim))

    @rule(data=st.data())
    def set_back(self, data: st.DataObject) -> None:
        """The connection is lost before the dot."""
        if self.claimed:
            worker, claim = self.claimed.pop(data.draw(st.integers(0, len(self.claimed) - 1)))
            decision = set_back("reset", setbacks=0, now=self.now, policy=POLICY)
            self.ledger.record(worker, [Settlement(claim, decision, None)], [], self.now)

    @rule(data=st.data(), reply=st.sampled_from(REPLIES), twice=st.booleans())
    def reply(self, data: st.DataObject, reply: Outcome, twice: bool) -> None:
        """The relay judges; the worker may have been given up meanwhile, and may record what it knows twice."""
        if self.dotted:
            worker, claim = self.dotted.pop(data.draw(st.integers(0, len(self.dotted) - 1)))
            self.taken[claim.address] += isinstance(reply, Accepted)
            for _ in range(1 + twice):
                self.settle(worker, claim, reply)

    @rule(data=st.data(), arrived=st.booleans())
    def lose_reply(self, data: st.DataObject, arrived: bool) -> None:
        """The line is lost after the dot: the relay may have the message or not."""
        if self.dotted:
            worker, claim = self.dotted.pop(data.draw(st.integers(0, len(self.dotted) - 1)))
            self.taken[claim.address] += arrived
            self.settle(worker, claim, Unknown("line lost"))

    def settle(self, worker: Worker, claim: Claim, outcome: Outcome) -> None:
        decision = decide(outcome, attempts=claim.attempts, eligible_at=claim.eligible_at, now=self.now, policy=POLICY)
        self.ledger.record(worker, [Settlement(claim, decision, outcome)], [], self.now)

    @rule(arrived=st.booleans())
    def die(self, arrived: bool) -> None:
        """The process is killed: what it had dotted may have arrived, what it knew is gone. Another one comes."""
        dead = self.worker
        for worker, claim in self.dotted:
            if worker == dead:
                self.taken[claim.address] += arrived
        self.claimed = [one for one in self.claimed if one[0] != dead]
        self.dotted = [one for one in self.dotted if one[0] != dead]
        self.ledger.recover(self.now, lambda worker: worker == dead)
        self.worker = self.new_worker()

    @rule()
    def freeze_for_too_long(self) -> None:
        """The worker is taken for dead, but goes on afterwards with what it still holds."""
        self.ledger.recover(self.now, lambda worker: worker == self.worker)
        self.worker = self.new_worker()

    @rule()
    def leave(self) -> None:
        """A graceful stop: nothing is in flight, the rest is given back."""
        if not any(worker == self.worker for worker, _ in self.dotted):
            self.ledger.leave(self.worker, self.now)
            self.claimed = [one for one in self.claimed if one[0] != self.worker]
            self.worker = self.new_worker()

    @rule(name=st.sampled_from(NAMES))
    def pause_and_resume(self, name: str) -> None:
        for before, after in (
            (DeliveryState.SENDING, DeliveryState.PAUSED),
            (DeliveryState.PAUSED, DeliveryState.SENDING),
        ):
            if self.store.get(name).state is before:
                self.store.move(name, after, since=before)

    @rule(hours=st.integers(0, 6))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours, minutes=6)

    @rule(name=st.sampled_from(NAMES))
    def finish(self, name: str) -> None:
        if self.ledger.finish(name, self.now):
            assert {one.state.value for one in self.store.recipients(name)} <= {
                "accepted", "rejected", "unknown", "suppressed", "excluded",
            }  # fmt: skip

    @invariant()
    def nobody_gets_two_copies(self) -> None:
        assert all(copies <= 1 for copies in self.taken.values())

    @invariant()
    def every_copy_is_known_or_listed(self) -> None:
        states: dict[str, set[str]] = {}
        for name in NAMES:
            for one in self.store.recipients(name):
                states.setdefault(one.address, set()).add(one.state.value)
        in_flight = {claim.address for _, claim in self.dotted}
        for address, copies in self.taken.items():
            if copies and address not in in_flight:
                assert states[address] & {"accepted", "unknown"}
        for address, seen in states.items():
            if "accepted" in seen:
                assert self.taken[address] == 1

    @invariant()
    def the_books_balance(self) -> None:
        for name in NAMES if self.number else ():
            with self.database.read() as connection:
                assert check_equation(self.store.get(name), read_books(connection, name)) == ()

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder)


TestLedger = Ledger.TestCase
TestLedger.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
