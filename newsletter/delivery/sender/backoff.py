"""Backoff: how long to wait before the next try when a relay cannot be reached, and when to stop trying."""

from collections.abc import Callable

from newsletter.machine import now_elapsed

_LONGEST = 30.0
"""Seconds between two tries."""


class Backoff:
    """Counts rounds of failure since the relay last answered. `patience` in seconds; None: never stop trying."""

    def __init__(self, patience: float | None, clock: Callable[[], float] = now_elapsed) -> None:
        self._patience = patience
        self._clock = clock
        self._rounds = 0
        self._failing_since = 0.0
        self._next_try = 0.0

    def failed(self) -> None:
        """No connection, or it was lost. Connections that fail side by side are one round."""
        now = self._clock()
        if self._rounds == 0:
            self._failing_since = now
        elif now < self._next_try:
            return
        self._rounds += 1
        # One lost connection is common, an idle one closed by the relay for instance: try again at once.
        self._next_try = now + (0.0 if self._rounds == 1 else min(_LONGEST, 0.25 * 2.0**self._rounds))

    def answered(self) -> None:
        """The relay judged a message, whatever it said."""
        self._rounds = 0
        self._next_try = 0.0

    @property
    def pause(self) -> float:
        """Seconds until the next try."""
        return max(0.0, self._next_try - self._clock())

    @property
    def is_exhausted(self) -> bool:
        """Whether the relay has been out of reach for longer than `patience`."""
        return self._patience is not None and self._rounds > 1 and self._clock() - self._failing_since > self._patience
