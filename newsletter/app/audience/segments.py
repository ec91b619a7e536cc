"""Segments looked at: whom a name or an expression holds now, counted and in part shown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from newsletter.app.project import Project
from newsletter.audience.segment import Segment, list_name, lists_named
from newsletter.errors import AuthoringError, NotFoundError, WrongUsageError
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.audience.subscribers import AudienceStore, Standing
from newsletter.storage.database.database import Database

SAMPLE = 5


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """A segment as it is now."""

    segment: Segment
    count: int
    """Subscribers, whatever their consent."""
    lists: Mapping[str, int]
    """List → how many of them have a confirmed subscription to it."""
    sample: Sequence[Standing]
    """The first of them."""


def show_segment(project: Project, database: Database, text: str) -> SegmentReport:
    """Count a segment by name or expression. Raises as `choose_segment`, WrongUsageError for an empty one, and
    NotFoundError where it names a list that does not exist."""
    segment = _chosen(project, text)
    with database.read() as connection:
        slugs = [one.slug for one in ListStore(database, connection).all()]
        for unknown in sorted(lists_named(segment.where) - set(map(list_name, slugs))):
            hint = f"There are: {', '.join(slugs)}" if slugs else "Add it: newsletter lists add"
            raise NotFoundError(f"There is no list {unknown!r}", hint=hint)
        store = AudienceStore(database, connection)
        return SegmentReport(
            segment,
            store.count(segment.where),
            store.counts_by_list(segment.where),
            list(islice(store.all(where=segment.where, page=SAMPLE), SAMPLE)),
        )


def list_segments(project: Project) -> Sequence[Segment]:
    """The segments of segments.yaml, in its order. Raises AuthoringError."""
    from newsletter.app.project_segments import read_segments

    found, problems = read_segments(project)
    if problems:
        raise AuthoringError(problems)
    return list(found.values())


def list_subscribers(project: Project, database: Database, slug: str | None, text: str) -> Iterator[Standing]:
    """Subscribers of a list (default: all) and a segment (default: everybody). Raises as `show_segment`, and
    NotFoundError for an unknown list."""
    segment = _chosen(project, text) if text else None
    with database.read() as connection:
        list_id = ListStore(database, connection).named(slug).id if slug else None
        yield from AudienceStore(database, connection).all(list_id, where=segment.where if segment else None)


def _chosen(project: Project, text: str) -> Segment:
    from newsletter.app.project_segments import choose_segment  # reads YAML, which a list of all subscribers does not

    if (segment := choose_segment(project, text)) is None:
        raise WrongUsageError("Which segment?", hint="Name one of segments.yaml, or write an expression")
    return segment
