"""Sample: made-up subscribers from a seed, in many languages and scripts, for the demo, the tests and the tutorial.

None of them exists: every address is below a domain that RFC 2606 reserves for examples. They include what real
audiences include: no name at all, names longer than a line, commas and quotes in names, addresses in capitals, domains
in other alphabets, language tags with regions.
"""

import csv
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeAlias

SampleRow: TypeAlias = dict[str, str]

COLUMNS = ("email", "name", "language", "timezone", "country", "plan")


@dataclass(frozen=True, slots=True)
class Homeland:
    """Where some subscribers come from. Names are `as written` or `as written=in ASCII letters`, one per word."""

    weight: int
    """About how many of 300."""
    languages: Sequence[str]
    homes: Sequence[Sequence[str]]
    """Country and time zone."""
    given: str
    family: str
    domain: str
    """A domain in their own alphabet, beside the common ones."""
    joined: bool = False
    """Written family name first, without a space."""


_DATA = tomllib.loads(Path(__file__).with_name("sample.toml").read_text(encoding="utf-8"))
HOMELANDS = tuple(Homeland(**written) for written in _DATA["homelands"])
DOMAINS: Sequence[str] = _DATA["domains"]
ODD_NAMES: Sequence[Sequence[str]] = _DATA["odd_names"]
"""Name and local part, for one subscriber in ten; an empty local part keeps the subscriber's own."""

_LETTERS = str.maketrans({"ß": "ss", "ł": "l", "Ł": "l", "æ": "ae", "ø": "o", "đ": "d"})


def sample_rows(seed: int = 2024, count: int = 300) -> list[SampleRow]:
    """Made-up subscribers, the same for the same seed. Every row can be imported; addresses are unique."""
    rng = Random(seed)  # noqa: S311 - a sample, no secret
    taken: set[str] = set()
    rows = []
    for number, homeland in enumerate(_homelands(rng, count)):
        row = _row(rng, homeland)
        if number % 10 == 7:
            row["name"], local = ODD_NAMES[number // 10 % len(ODD_NAMES)]
            row["email"] = f"{local}@{row['email'].partition('@')[2]}" if local else row["email"]
        row["email"] = _free(row["email"], taken)
        taken.add(row["email"].lower())
        rows.append(row)
    return rows


def flawed_rows(good: Sequence[SampleRow]) -> list[SampleRow]:
    """Twelve rows that an import must reject, then two that it must skip because they repeat rows of `good`."""
    rows = [{**dict.fromkeys(COLUMNS, ""), "email": email, "name": "Flawed Row"} for email in _DATA["flawed"]]
    return rows + [{**row, "email": row["email"].swapcase()} for row in good[:2]]


def write_sample(path: Path, *, seed: int = 2024, count: int = 300) -> int:
    """Write the sample as CSV (UTF-8); returns the number of rows."""
    write_rows(path, sample_rows(seed, count))
    return count


def write_rows(path: Path, rows: Sequence[SampleRow]) -> Path:
    """Write rows as CSV (UTF-8); returns `path`."""
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def _homelands(rng: Random, count: int) -> Iterator[Homeland]:
    """One subscriber of each homeland first, so that a small sample has all of them; then by weight."""
    yield from HOMELANDS[:count]
    yield from rng.choices(HOMELANDS, [homeland.weight for homeland in HOMELANDS], k=max(0, count - len(HOMELANDS)))


def _row(rng: Random, homeland: Homeland) -> SampleRow:
    given, short_given = _name(rng, homeland.given)
    family, short_family = _name(rng, homeland.family)
    country, timezone = rng.choice(homeland.homes)
    local = rng.choice((f"{short_given}.{short_family}", f"{short_given[0]}{short_family}", f"{short_family}+news"))
    domain = homeland.domain if rng.random() < 0.15 else rng.choice(DOMAINS)
    email = f"{local}@{domain}"
    return {
        "email": email.upper() if rng.random() < 0.04 and email.isascii() else email,
        "name": f"{family}{given}" if homeland.joined else f"{given} {family}",
        "language": rng.choice((homeland.languages[0], rng.choice(homeland.languages))),
        "timezone": timezone if rng.random() < 0.93 else "",
        "country": country,
        "plan": rng.choices(("free", "member", "patron"), (7, 2, 1))[0],
    }


def _name(rng: Random, names: str) -> tuple[str, str]:
    written, _, plain = rng.choice(names.split()).partition("=")
    return written, plain or _ascii(written)


def _ascii(name: str) -> str:
    bare = unicodedata.normalize("NFD", name.lower().translate(_LETTERS))
    return "".join(letter for letter in bare if not unicodedata.combining(letter))


def _free(email: str, taken: set[str]) -> str:
    local, _, domain = email.rpartition("@")
    number, candidate = 1, email
    while candidate.lower() in taken:
        number += 1
        candidate = f"{local}{number}@{domain}"
    return candidate
