"""Changes: watches the project's files, and notifies every open page of a change (server-sent events)."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

log = logging.getLogger("newsletter.preview")

_DEBOUNCE = 50  # milliseconds in which the several writes of one save become one change
_STEP = 10
_LOOK_AGAIN = 3000  # milliseconds after which a folder that was not there before is noticed
_HEARTBEAT = 15.0  # seconds; a page that is gone is noticed when it is written to


class Changes:
    """Counts the changes of a project. One per preview; all methods but `close` belong to its event loop."""

    def __init__(self) -> None:
        self._run = secrets.token_hex(4)  # a page of an earlier run is out of date, whatever its number
        self._count = 0
        self._waiting: set[asyncio.Event] = set()
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def version(self) -> str:
        """The version that a page is made from."""
        return f"{self._run}.{self._count}"

    def tell(self) -> None:
        """Count a change and notify every page."""
        self._count += 1
        for event in self._waiting:
            event.set()

    def close(self) -> None:
        """End watching and every stream. May be called from a signal handler or another thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end)

    async def watch(self, folders: Callable[[], Sequence[Path]], *, any_file: bool = True) -> None:
        """Notify of changes in these folders, not below them, until `close`. Asks `folders` again regularly.

        Without `any_file`: only of files that configure a project or belong to issues.
        """
        self._loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            watched = folders()
            try:
                if watched and await self._watch_these(watched, folders, any_file):
                    self.tell()  # a folder has come or gone
            except FileNotFoundError:
                watched = []  # gone between our looking and our watching
            except (OSError, ExceptionGroup) as error:
                # A group holds what went wrong while watching, such as a name that is not UTF-8.
                why = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
                log.warning("pages do not follow changes by themselves, reload them by hand: %s", why)
                return
            if not watched:
                await _within(self._stop, _LOOK_AGAIN / 1000)

    async def _watch_these(
        self, watched: Sequence[Path], folders: Callable[[], Sequence[Path]], any_file: bool
    ) -> bool:
        """Watch until `folders` returns others than these; False when stopped."""
        async for changed in awatch(
            *watched,
            watch_filter=DefaultFilter() if any_file else is_written_by_hand,
            recursive=False,
            debounce=_DEBOUNCE,
            step=_STEP,
            stop_event=self._stop,
            rust_timeout=_LOOK_AGAIN,
            yield_on_timeout=True,
        ):
            if changed:
                self.tell()
            if folders() != watched:
                return True
        return False

    async def follow(self) -> AsyncIterator[str]:
        """The present version, then each new one; an empty text now and then when there is none."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            while not self._stop.is_set():
                event.clear()
                yield self.version
                while not event.is_set() and not await _within(event, _HEARTBEAT):
                    yield ""
        finally:
            self._waiting.discard(event)

    def _end(self) -> None:
        self._stop.set()
        for event in self._waiting:
            event.set()


def is_written_by_hand(_: Change, path: str) -> bool:
    """Whether an author saves such files; beside newsletter.toml a database changes all the time."""
    return Path(path).suffix.lower() in (".toml", ".yaml", ".png", ".jpg", ".jpeg", ".gif")


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
