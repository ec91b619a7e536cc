"""Processes: the same work on many issues, shared between the processors. Few issues are not worth a new process."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from threading import active_count
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_MOST = 4
"""Processes; each has a renderer of templates beside it."""
_WORTH = 16
"""Items: starting a process takes as long as checking some ten issues."""
_SHARE = 4
"""Items that are handed out at a time."""


def in_processes(work: Callable[[_Item], _Result], items: Sequence[_Item]) -> Iterator[_Result]:
    """The results in the order of the items. `work`, its items and its results travel between processes (pickle)."""
    processes = min(os.cpu_count() or 1, _MOST)
    if processes == 1 or len(items) < _WORTH:
        yield from map(work, items)
        return
    # A copy of this process has everything loaded; beside other threads it might wait for their locks without end.
    method = "fork" if sys.platform == "linux" and active_count() == 1 else "spawn"
    with ProcessPoolExecutor(processes, get_context(method), signal.signal, _IGNORE_INTERRUPT) as pool:
        yield from pool.map(work, items, chunksize=_SHARE)


_IGNORE_INTERRUPT = (signal.SIGINT, signal.SIG_IGN)
"""Ctrl+C ends the process that waits for them; they end with it."""
