"""Together: small writes of many threads, committed by one transaction after another.

Each request hands in what it asks for and waits for its own answer; what comes while one transaction runs is in the
next. Before: the public pages. After: `Database.write`.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa

from newsletter.errors import CommitLostError

log = logging.getLogger("newsletter.database")

Item = TypeVar("Item")
Answer = TypeVar("Answer")
CarryOut: TypeAlias = Callable[[sa.Connection, Sequence[Item]], Sequence[Answer]]
"""Does what several ask for, in one transaction; an answer for each. Equal ones are called once in a group. It may be
called again for the same item after its transaction was undone."""

_Write: TypeAlias = Callable[[], AbstractContextManager[sa.Connection]]
_Asked: TypeAlias = tuple[CarryOut[Any, Any], Any, Future[Any]]

_SINGLE = 16
"""At once of those that begin again by themselves."""
_MOST = 200
"""In one transaction: others wait for it."""


def each(connection: sa.Connection, steps: Sequence[Callable[[sa.Connection], Answer]]) -> list[Answer]:
    """Carry out what has nothing in common but the transaction."""
    return [step(connection) for step in steps]


class GroupWriter:
    """A thread that writes what others wait for."""

    def __init__(self, write: _Write, write_briefly: _Write) -> None:
        """Transactions: `write_briefly` begins one that does not wait long for rows that others hold."""
        self._write, self._write_briefly = write, write_briefly
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="group-writer")
        self._single = ThreadPoolExecutor(max_workers=_SINGLE, thread_name_prefix="single-writer")
        self._waiting: deque[_Asked] = deque()

    def submit(self, carry_out: CarryOut[Item, Answer], item: Item) -> Future[Answer]:
        """The answer to come, set once it is committed; or what `carry_out` or `Database.write` raised.

        A group of which one fails is undone, and each of it begins again in a transaction of its own.
        """
        answer: Future[Answer] = Future()
        self._waiting.append((carry_out, item, answer))
        self._thread.submit(self._write_group)
        return answer

    def close(self) -> None:
        """End the threads, once everything that waits is written."""
        self._thread.shutdown(wait=True)
        self._single.shutdown(wait=True)

    def _write_group(self) -> None:
        """In the thread, as often as something was handed in: all that waits by now, which is often nothing."""
        waiting = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST))]
        group = [one for one in waiting if one[2].set_running_or_notify_cancel()]
        if not group:
            return
        is_open = False
        try:
            with self._write_briefly() as connection:
                is_open = True
                answers = _carry_out(connection, group)
        except Exception as error:  # noqa: BLE001  given to those whom it concerns
            # Without a connection they would only fail again; and what was perhaps committed must not begin again.
            if not is_open or isinstance(error, CommitLostError):
                for _, _, answer in group:
                    answer.set_exception(error)
                return
            log.info("%d small writes begin again, each by itself: %s", len(group), type(error).__name__)
            for one in group:
                self._single.submit(self._write_single, one)
        else:
            for (_, _, answer), found in zip(group, answers, strict=True):
                answer.set_result(found)

    def _write_single(self, one: _Asked) -> None:
        try:
            with self._write() as connection:
                found = _carry_out(connection, [one])
        except Exception as error:  # noqa: BLE001  as above
            one[2].set_exception(error)
        else:
            one[2].set_result(found[0])


def _carry_out(connection: sa.Connection, group: Sequence[_Asked]) -> list[Any]:
    kinds: dict[CarryOut[Any, Any], list[int]] = {}
    for number, (carry_out, _, _) in enumerate(group):
        kinds.setdefault(carry_out, []).append(number)
    answers: list[Any] = [None] * len(group)
    for carry_out, numbers in kinds.items():
        found = carry_out(connection, [group[number][1] for number in numbers])
        for number, answer in zip(numbers, found, strict=True):
            answers[number] = answer
    return answers
