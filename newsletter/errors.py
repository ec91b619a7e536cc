"""The exceptions of the project. The ground: imports nothing, every room may raise from here.

Exceptions are for what stops the work; what the world answered is a value (an `Outcome`, a list of `Problem`s).
The first level says who can fix it:

    NewsletterError
    ├── AuthoringError            the author: holds every problem that was found
    │   └── TemplateError           the template author: a template or the MJML it made does not compile
    ├── ConfigError               the operator: names the key and where its value came from
    ├── RequestError              the caller: the request does not fit the present state
    │   ├── WrongUsageError         what was said cannot be meant, whatever the state: exit code 2
    │   │   ├── NotFoundError         (also LookupError) no such delivery, list, subscriber, issue
    │   │   └── AddressError          (also ValueError) not an address we can write to
    │   ├── AlreadyExistsError      a list or subscriber of that name is there already
    │   ├── StateError              for example pausing a finished delivery
    │   ├── EmptyAudienceError      no recipients
    │   ├── PlanError               a delivery that cannot be over in time
    │   ├── ComposeError            (also ValueError) one recipient's message cannot be made from their data
    │   └── ExpressionError         (also ValueError) a merge field that does not parse
    ├── TransportError            the relay or the network: nothing was judged, no attempt is counted
    │   ├── RelayConnectionError    (also ConnectionError) no connection, or lost before the final dot
    │   │   └── RelayBusyError          it lets us begin no message for now (4yz to AUTH)
    │   ├── RelayTimeoutError       (also TimeoutError) silent before the final dot
    │   ├── RelayLoginError         refused our credentials or TLS: an operator must act
    │   └── PermitRefusedError      the ledger did not allow the final dot; the connection was closed without it
    ├── LinkError                 a personal link is not ours, is damaged or has another purpose
    └── StorageError              the database
        ├── DatabaseBusyError       locked or unreachable: worth another try
        ├── CommitLostError         the line broke during a commit: it may or may not have happened
        ├── StaleDatabaseError      an older copy was restored; what it could send is stopped
        ├── NotAdoptedError         a move or a copy: nothing leaves before `newsletter db adopt`
        ├── JournalError            the journal beside the database cannot be written or read
        ├── DamagedDatabaseError    its content is inconsistent: waiting does not help
        └── SchemaVersionError      it needs `newsletter db upgrade`
            └── NoDatabaseError       there is none, or an empty one

One more never leaves the compiler and stays there: `StylesheetError`, which becomes a problem of the template.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.problem import Problem


class NewsletterError(Exception):
    """Anything this project raises on purpose. `hint` says what to do about it; it may be empty."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class AuthoringError(NewsletterError):
    """An issue, a theme or a template cannot be used. `problems` holds all that was found, never only the first."""

    def __init__(self, problems: Sequence[Problem], message: str = "", *, hint: str = "") -> None:
        super().__init__(message or f"{len(problems)} problem{'s' if len(problems) != 1 else ''} found", hint=hint)
        self.problems = tuple(problems)


class TemplateError(AuthoringError):
    """A template, or the MJML it produced, does not compile."""


class ConfigError(NewsletterError):
    """The configuration has mistakes. `problems`: one line per key, with the source of its value."""

    def __init__(self, message: str, *, problems: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)


class RequestError(NewsletterError):
    """What was asked does not fit the present state."""


class WrongUsageError(RequestError):
    """What was said cannot be meant: a name that nothing has, a value that cannot be read."""


class NotFoundError(WrongUsageError, LookupError):
    """No such delivery, list, subscriber or issue."""


class AddressError(WrongUsageError, ValueError):
    """Not an address we can write to."""


class AlreadyExistsError(RequestError):
    """Something of that name is there already."""


class StateError(RequestError):
    """The delivery is not in a state that allows this."""


class EmptyAudienceError(RequestError):
    """The audience has no recipients."""


class PlanError(RequestError):
    """A delivery that could not be over in time at the rate that is set."""


class ComposeError(RequestError, ValueError):
    """One recipient's message cannot be made: a value does not fit where it belongs. Names no address."""


class ExpressionError(RequestError, ValueError):
    """A merge field does not parse. `position` is the 0-based character in its source."""

    def __init__(self, message: str, *, position: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.position = position


class TransportError(NewsletterError):
    """Nothing was handed over and no reply was received: the same message may safely be tried again."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint or "See that the relay runs, and that [smtp] in newsletter.toml fits it")


class RelayConnectionError(TransportError, ConnectionError):
    """No connection to the relay, or it was lost before the final dot."""


class RelayBusyError(RelayConnectionError):
    """The relay answered, and lets us begin no message for now."""


class RelayTimeoutError(TransportError, TimeoutError):
    """The relay was silent for too long before the final dot."""


class RelayLoginError(TransportError):
    """The relay refuses our credentials or lacks the TLS we require. The delivery halts; an operator must act."""


class PermitRefusedError(TransportError):
    """The ledger did not allow the final dot; the connection was closed without one."""


class LinkError(NewsletterError):
    """A personal link is not ours, is damaged, or was made for another purpose."""


class StorageError(NewsletterError):
    """The database cannot do what was asked."""


class DatabaseBusyError(StorageError):
    """Locked or out of reach just now; nothing was written."""


class CommitLostError(StorageError):
    """The line to the database broke during a commit: look whether it happened before repeating it."""


class StaleDatabaseError(StorageError):
    """An older copy of the database was restored: messages have left that it does not know of."""


class NotAdoptedError(StorageError):
    """Email was sent from this database, but not from here: it was moved or copied."""


class JournalError(StorageError):
    """The journal cannot be written or read; what depends on it is not done."""


class DamagedDatabaseError(StorageError):
    """The database cannot be read: damaged, or two files mixed up. Waiting does not help; an operator must act."""


class SchemaVersionError(StorageError):
    """The database has another schema version than this program."""


class NoDatabaseError(SchemaVersionError):
    """There is no database, or an empty one."""
