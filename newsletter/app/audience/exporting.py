"""Exporting: every subscriber with consent and suppression, so that an import restores all of it."""

import json
from collections.abc import Iterator, Sequence
from typing import IO, Any

from newsletter.audience.importing.cells import clean, row_writer
from newsletter.audience.importing.headings import CONSENT, OBJECT, PAUSED, PERSON, SUPPRESSED, attribute_heading
from newsletter.audience.subscriber import Subscriber, Subscription
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.audience.subscribers import AudienceStore, Standing
from newsletter.storage.database.database import Database

_BREAKS = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}
"""Line ends to some programs, which JSON does not escape."""


def export_subscribers(database: Database, out: IO[str], *, slug: str | None, raw: bool, as_json: bool) -> int:
    """Write every subscriber (or those of one list) with consent, suppression and attributes; their number.

    CSV whose columns an import reads, or one JSON object a line. Without a list, suppressed addresses that are no
    subscriber's are included. Raises NotFoundError.
    """
    with database.read() as connection:
        lists, store = ListStore(database, connection), AudienceStore(database, connection)
        list_id = lists.named(slug).id if slug else None
        if as_json:
            return sum(_write_line(out, one, of_one_list=bool(slug)) for one in _standings(store, list_id))
        values = (item for one in store.all(list_id) for item in one.subscriber.attributes.items())
        kinds = {(name, isinstance(value, str)) for name, value in values if not isinstance(value, str) or clean(value)}
        attributes = sorted(name for name, is_text in kinds if is_text)
        with_objects = any(not is_text for _, is_text in kinds)
        slugs = [slug] if slug else sorted(lists.counts())
        write = row_writer(out, raw=raw)
        of_lists = CONSENT if slug else [f"{word}:{each}" for each in slugs for word in CONSENT]
        write([*PERSON, *map(attribute_heading, attributes), *[OBJECT] * with_objects, *of_lists, *SUPPRESSED, PAUSED])
        count = 0
        for one in _standings(store, list_id):
            write(_cells(one, attributes, slugs, with_objects=with_objects))
            count += 1
        return count


def _standings(store: AudienceStore, list_id: int | None) -> Iterator[Standing]:
    yield from store.all(list_id)
    if list_id is None:
        for suppression in store.suppressed_only():
            yield Standing(Subscriber(0, suppression.address, suppression.address_hash), (), suppression)


def _cells(one: Standing, attributes: Sequence[str], slugs: Sequence[str], *, with_objects: bool) -> Iterator[str]:
    subscriber, suppression = one.subscriber, one.suppression
    name = " ".join(clean(subscriber.name).split())
    yield from (subscriber.address, name, subscriber.language, subscriber.timezone)
    texts = {name: value for name, value in subscriber.attributes.items() if isinstance(value, str)}
    yield from (clean(texts.get(name, "")) for name in attributes)
    if with_objects:
        others = {name: value for name, value in sorted(subscriber.attributes.items()) if name not in texts}
        yield json.dumps(others, ensure_ascii=False).translate(_BREAKS) if others else ""
    subscriptions = {each.list: each for each in one.subscriptions}
    for slug in slugs:
        found = subscriptions.get(slug)
        yield from _consent_cells(found) if found else [""] * len(CONSENT)
    if suppression:
        yield from (suppression.reason.value, suppression.since.isoformat(), clean(suppression.note))
    else:
        yield from [""] * len(SUPPRESSED)
    yield subscriber.paused_until.isoformat() if subscriber.paused_until else ""


def _consent_cells(subscription: Subscription) -> Sequence[str]:
    """In the order of `CONSENT`."""
    since = subscription.since.isoformat()
    return subscription.consent.value, since, clean(subscription.how), clean(subscription.basis)


def _write_line(out: IO[str], one: Standing, *, of_one_list: bool) -> int:
    subscriber, suppression = one.subscriber, one.suppression
    of_lists = [dict(zip(CONSENT, _consent_cells(each), strict=True)) for each in one.subscriptions]
    named = [{"list": each.list} | consent for each, consent in zip(one.subscriptions, of_lists, strict=True)]
    described: dict[str, Any] = {
        "email": subscriber.address,
        "name": subscriber.name,
        "language": subscriber.language,
        "timezone": subscriber.timezone,
        "paused_until": subscriber.paused_until and subscriber.paused_until.isoformat(),
        "attributes": dict(sorted(subscriber.attributes.items())),
        **(of_lists[0] if of_one_list else {"subscriptions": named}),
        "suppression": suppression
        and {"reason": suppression.reason.value, "since": suppression.since.isoformat(), "note": suppression.note},
    }
    out.write(json.dumps(described, ensure_ascii=False).translate(_BREAKS) + "\n")
    return 1
