"""Registration: a worker in the ledger, from its first lease to its end; the heartbeat renews the lease.

Before: `sender`, which sends while `is_reclaimed` is false: other workers reclaim what one claimed whose lease ran out.
"""

import asyncio
from collections.abc import Callable

from newsletter.delivery.ledger.ledger import Worker
from newsletter.delivery.sender.group_commit import GroupCommit, report
from newsletter.delivery.sender.handover import SenderDependencies
from newsletter.delivery.sender.lease import LeaseGuard
from newsletter.errors import StorageError
from newsletter.machine import now_elapsed


class Registration:
    """Of one worker. `seconds`: how long a lease is valid."""

    def __init__(
        self, dependencies: SenderDependencies, commits: GroupCommit, worker: Worker, lease: LeaseGuard, seconds: float
    ) -> None:
        self._dependencies = dependencies
        self._ledger = dependencies.ledger
        self._commits = commits
        self._worker = worker
        self._lease = lease
        self._seconds = seconds
        self.is_reclaimed = False
        """Whether the lease had run out and the claims are other workers' now."""

    async def begin(self) -> None:
        """Recover the claims of dead workers and register. Raises StorageError."""
        now, asked_at = self._dependencies.clock(), now_elapsed()
        await self._commits.call(self._dependencies.journal.keep_up)
        await self._recover()
        await self._commits.call(self._ledger.register, self._worker, self._seconds, now)
        self._lease.extend(asked_at)

    async def keep(self, on_reclaimed: Callable[[], None]) -> None:
        """The heartbeat: renew the lease at a third of it, and recover the claims of workers whose lease ran out.

        Raises DamagedDatabaseError.
        """
        pause = self._seconds / 3
        while not self.is_reclaimed:
            await asyncio.sleep(pause)
            asked_at = now_elapsed()
            try:
                if await self._commits.call(self._ledger.renew, self._worker, self._seconds):
                    self._lease.extend(asked_at)
                    await self._recover()
                else:
                    self.is_reclaimed = True
                    on_reclaimed()
                pause = self._seconds / 3
            except StorageError as error:
                report(error, self._dependencies.on_trouble)
                pause = min(1.0, self._seconds / 10)

    async def end(self) -> None:
        """Deregister; what was claimed and not begun returns to waiting. Raises StorageError."""
        await self._commits.call(self._ledger.deregister, self._worker, self._dependencies.clock())

    async def _recover(self) -> None:
        recovered = await self._commits.call(
            self._ledger.recover, self._dependencies.clock(), self._dependencies.is_dead
        )
        if recovered.unknown:
            self._dependencies.journal.compare_again()
