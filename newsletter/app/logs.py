"""Logs: what long-running parts say about themselves, a line each on standard error, in UTC: ids, never addresses."""

import logging
import time

_PER_MINUTE = {"asyncio": 10, "uvicorn.error": 10, "newsletter.service": 10, "newsletter.public": 100}
"""Loggers whose lines strangers can cause, and how many of one kind they may write in a minute."""


class Limit(logging.Filter):
    """Lets only so many lines of one kind (the first line, before its values are filled in) pass in a minute."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._seen: dict[str, tuple[float, int]] = {}
        """Kind → when its minute began, and how many there were in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is written; the first after a minute of too many says how many were not."""
        kind = str(record.msg).partition("\n")[0]
        began, count = self._seen.get(kind, (record.created, 0))
        if record.created - began >= 60:
            if count > self._most:
                record.msg = f"{record.msg} ({count - self._most} more like this were not logged)"
            began, count = record.created, 0
        self._seen[kind] = began, count + 1
        return count < self._most


def write_log() -> None:
    """Write log lines to standard error. Call once per process."""
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("newsletter").setLevel(logging.INFO)
    for name, most in _PER_MINUTE.items():
        logging.getLogger(name).addFilter(Limit(most))
