"""Lease guard: until when a worker may act on its claims, on a clock that never jumps."""

from collections.abc import Callable

from newsletter.machine import now_elapsed


class LeaseGuard:
    """A worker's own deadline, before its lease ends: until then no other worker reclaims what it has claimed.

    Once it has passed, no permit is asked for and no granted one is used. It starts passed; the first renewal extends
    it. `lease` in seconds; `clock`: seconds since any moment.
    """

    def __init__(self, lease: float, clock: Callable[[], float] = now_elapsed) -> None:
        self._lease = lease
        self._clock = clock
        self._until = clock()

    def extend(self, asked_at: float) -> None:
        """The lease was renewed by a request sent at `asked_at`. It counts from then: the reply may have been slow."""
        self._until = asked_at + self._lease * 0.75

    @property
    def is_valid(self) -> bool:
        """Whether no other worker can have reclaimed ours."""
        return self._clock() < self._until
