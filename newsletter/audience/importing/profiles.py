"""Profiles: how exports of other tools are read, from `profiles.toml`. `rows` chooses one; `translate` applies it."""

import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from newsletter.audience.consent import Consent
from newsletter.audience.importing.status import folded
from newsletter.errors import RequestError

_ANY = "*"


class State(StrEnum):
    """What another tool says of a subscriber. When it says several things, the last of them holds."""

    SUBSCRIBED = "subscribed"
    """Gets its emails; whether they confirmed is not known."""
    CONFIRMED = "confirmed"
    """Said by the operator only."""
    PENDING = "pending"
    NONE = "none"
    """Known there, but never subscribed."""
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"


def strongest(states: Iterable[State]) -> State | None:
    """The state that holds when there are several; None when there is none."""
    return max(states, key=list(State).index, default=None)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator says about a file."""

    tool: str = "auto"
    """The key of a profile, or `auto`."""
    headings: Mapping[str, str] = field(default_factory=dict)
    """Heading in the file → the name to read it by."""
    status: State | None = None
    """Of every row that does not say worse of itself."""
    consent: Consent | None = None
    """Of those who are subscribed."""
    basis: str = ""
    file_name: str = ""
    bare: bool = False
    """Whether the file may be a column of addresses without a heading."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One tool; headings and cells as `folded`."""

    key: str
    name: str
    recognised_by: Collection[str]
    complete: Collection[str]
    advice: str
    columns: Mapping[str, str]
    status: Mapping[str, Mapping[str, State]]
    files: Mapping[str, State]

    def meaning(self, heading: str) -> str:
        """Of a column; empty for an attribute."""
        return self.columns.get(folded(heading), "")

    def knows(self, heading: str) -> bool:
        """Whether the profile says what the column means."""
        return folded(heading) in self.columns or folded(heading) in self.status

    def is_status(self, heading: str) -> bool:
        """Whether the column says who has left."""
        return folded(heading) in self.status

    def state_of_file(self, file_name: str) -> State | None:
        """What the file's name says about all its rows."""
        found = (state for begin, state in self.files.items() if folded(file_name).startswith(begin))
        return next(found, None)

    def state_of_cell(self, heading: str, cell: str) -> State | None:
        """What a cell says. Raises ValueError for one that is not understood."""
        words = self.status.get(folded(heading))
        if words is None:
            return None
        if (word := folded(cell)) in words or (not cell and _ANY in words):
            return words.get(word)
        if _ANY in words:
            return words[_ANY]
        if not cell:
            raise ValueError(f"The cell {heading} is empty")
        raise ValueError(f"The cell {heading} holds {cell[:40]!r}, which no export of {self.name} is known to hold")

    def check(self, headings: Iterable[str], terms: Terms) -> None:
        """Raises RequestError for a file that does not say who has left, unless the operator says it."""
        found = {folded(heading) for heading in headings}
        if missing := [heading for heading in self.recognised_by if folded(heading) not in found]:
            raise RequestError(
                f"This is no export of {self.name}: there is no column {', '.join(missing)}",
                hint="--from auto recognises the tool by its columns; --from csv reads a file of any other",
            )
        if self.key == CSV:
            self._check_name(terms)
            return
        says = (self.complete and found >= set(map(folded, self.complete))) or any(
            "" in words and column in found for column, words in self.status.items()
        )
        if not (says or terms.status or self.state_of_file(terms.file_name)):
            raise RequestError(
                f"This export of {self.name} does not say who has left; nothing was imported",
                hint=self.advice or "Say what its subscribers are with --status",
            )

    def _check_name(self, terms: Terms) -> None:
        """A plain CSV file carries no state; its name may."""
        said = named_state(terms.file_name)
        if said and said[1] is not State.SUBSCRIBED and not terms.status:
            raise RequestError(
                f"The file is called like one of those who have left in {said[0].name}; nothing was imported",
                hint="Say what its subscribers are with --status, or rename the file",
            )


CSV = "csv"
"""The profile of every file that is no other tool's."""


def profile_of(headings: Iterable[str], tool: str) -> Profile:
    """The profile that the operator names, or else the first that recognises the columns."""
    if tool != "auto":
        return profiles()[tool]
    found = {folded(heading) for heading in headings}
    others = (
        each for each in profiles().values() if each.recognised_by and found >= set(map(folded, each.recognised_by))
    )
    return next(others, profiles()[CSV])


def named_state(file_name: str) -> tuple[Profile, State] | None:
    """What a file's name says of its rows in the export of some tool."""
    found = ((each, each.state_of_file(file_name)) for each in profiles().values())
    return next(((each, state) for each, state in found if state), None)


@cache
def profiles() -> Mapping[str, Profile]:
    """By key, as the command line names them."""
    text = files(__package__).joinpath("profiles.toml").read_text("utf-8")
    return MappingProxyType(
        {
            key: Profile(
                key=key,
                name=table["name"],
                recognised_by=table.get("recognised_by", ()),
                complete=table.get("complete", ()),
                advice=table.get("advice", ""),
                columns=_folded_keys(table.get("columns", {})),
                status={folded(column): _states(words) for column, words in table.get("status", {}).items()},
                files=_states(table.get("files", {})),
            )
            for key, table in tomllib.loads(text).items()
        }
    )


def _folded_keys(table: Mapping[str, str]) -> dict[str, str]:
    return {folded(key): value for key, value in table.items()}


def _states(table: Mapping[str, str]) -> dict[str, State]:
    return {key if key == _ANY else folded(key): State(value) for key, value in table.items()}
