"""Relay gate: how long to leave a relay alone that cannot be reached, and when to stop hoping."""

from __future__ import annotations

from newsletter.machine import now_elapsed

_LONGEST = 30.0
"""Seconds between two tries."""


class Backoff:
    """Counts rounds of failure since the relay last answered anything. `patience` in seconds; None: for ever."""

    def __init__(self, patience: float | None) -> None:
        self._patience = patience
        self._rounds = 0
        self._failing_since = 0.0
        self._opens_at = 0.0

    def failed(self) -> None:
        """No connection, or it was lost. Connections that fail side by side are one round."""
        now = now_elapsed()
        if self._rounds == 0:
            self._failing_since = now
        elif now < self._opens_at:
            return
        self._rounds += 1
        # The first time may be an accident: it goes on at once.
        self._opens_at = now + (0.0 if self._rounds == 1 else min(_LONGEST, 0.25 * 2.0**self._rounds))

    def answered(self) -> None:
        """The relay judged a message, whatever it said."""
        self._rounds = 0
        self._opens_at = 0.0

    @property
    def pause(self) -> float:
        """Seconds until it should be tried again."""
        return max(0.0, self._opens_at - now_elapsed())

    @property
    def is_exhausted(self) -> bool:
        """Whether it has been out of reach for longer than we wait."""
        return self._patience is not None and self._rounds > 1 and now_elapsed() - self._failing_since > self._patience
