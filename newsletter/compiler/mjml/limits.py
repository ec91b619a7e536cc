"""Limits: how much time and memory the child may use for one job. Computing time is counted, so load does no harm."""

import signal
from dataclasses import dataclass

try:
    import resource
except ImportError:  # Windows: there the worker's timeout is the only limit
    resource = None  # type: ignore[assignment]

OUTPUT = 1 << 20
"""Characters of MJML or HTML that are made at most: ten times as many as a mail program shows."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may use; an issue takes some milliseconds and a few megabytes."""

    seconds: int = 3
    """Of computing."""
    timeout: int = 20
    """Seconds until the child is killed, whatever it does."""
    memory: int = 512 << 20
    """Bytes of address space."""
    stack: int = 8 << 20


SPENT = ("late", "memory")
"""After a failure of these kinds the child ends: what is left in its memory is no concern of the next job."""


class TooLongError(Exception):
    """The job has used up its time. Raised in the middle of whatever is being done."""


class FailedError(Exception):
    """The job cannot be done. `facts` say why, as plain values, with a `kind`."""

    def __init__(self, kind: str, message: str = "", **facts: object) -> None:
        super().__init__(message)
        self.facts = {"kind": kind, "message": message, **facts}


def limit_process(memory: int, stack: int) -> None:
    """Limit this process for good, in bytes."""
    if resource is not None:
        _limit(resource.RLIMIT_AS, memory)
        _limit(resource.RLIMIT_STACK, stack)
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_FSIZE, 1 << 20)  # it writes no file but the one with its own failure


def start_clock(seconds: int) -> None:
    """Raise TooLongError after so many seconds of computing, again and again; two later the process is killed."""
    if resource is None:
        return

    def too_late(*_: object) -> None:
        raise TooLongError

    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    _limit(resource.RLIMIT_CPU, int(used) + seconds + 2)
    signal.signal(signal.SIGPROF, too_late)
    signal.setitimer(signal.ITIMER_PROF, seconds, 1)


def stop_clock() -> None:
    """The job is done."""
    if resource is not None:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _limit(kind: int, limit: int) -> None:
    """Set what can be raised again."""
    _, hard = resource.getrlimit(kind)
    try:
        resource.setrlimit(kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    except (ValueError, OSError):
        pass  # some systems have no limit of that kind; the timeout holds everywhere
