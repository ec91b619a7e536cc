"""Until when a worker may act on its claims."""

from __future__ import annotations

from newsletter.delivery.sender.lease import LeaseGuard

LEASE = 30.0


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_lease_is_not_valid_before_it_was_renewed() -> None:
    assert not LeaseGuard(LEASE, Clock()).is_valid


def test_validity_ends_before_the_lease_does() -> None:
    clock = Clock()
    lease = LeaseGuard(LEASE, clock)
    asked_at = clock.now
    clock.now += 5.0  # the answer took its time; the lease may have begun when it was asked for
    lease.extend(asked_at)
    assert lease.is_valid
    clock.now = asked_at + LEASE / 2
    assert lease.is_valid, "it is renewed at a third, and one renewal may be late"
    clock.now = asked_at + LEASE * 0.9
    assert not lease.is_valid
