"""Logs: what long-running parts say about themselves, a line each on standard error, in UTC: ids, never addresses.

The names and values that a line is written with (`delivery=%s state=finished`) are fields where it is JSON.
"""

import json
import logging
import re
import time
from collections.abc import Iterable, Iterator

from newsletter.config import Config, secret_values

_PER_MINUTE = {"asyncio": 10, "uvicorn.error": 10, "newsletter.service": 10, "newsletter.public": 100}
"""Loggers whose lines strangers can cause, and how many of one kind they may write in a minute."""

_HIDDEN = re.compile(
    r"[^\s@<>\"'(),;:=]+@[^\s@<>\"'(),;:=]+\.[a-z0-9-]+"  # an address, perhaps in what a relay replied
    r"|\b[a-z2-7]{40,}\b",  # a token of a personal link
    re.IGNORECASE,
)
_FIELD = re.compile(r"(?:\b(?P<name>[a-z_]+)=)?%[sdg]|\b(?P<fixed>[a-z_]+)=(?P<value>[^\s;:,%]+)")
"""What a line is made of: a value with a name, one without, a name with a word."""


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


class Lines(logging.Formatter):
    """Lines without addresses, tokens and secrets, whatever an error says."""

    default_time_format, default_msec_format = "%Y-%m-%dT%H:%M:%S", "%s.%03dZ"

    def __init__(self, secrets: Iterable[str] = (), *, is_json: bool = False) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self.converter = time.gmtime
        self._secrets = sorted({one for one in secrets if one}, key=len, reverse=True)
        self._is_json = is_json

    def format(self, record: logging.LogRecord) -> str:
        """One record, as a line of text or of JSON."""
        if not self._is_json:
            return self._hidden(super().format(record))
        line = {"at": self.formatTime(record), "level": record.levelname.lower(), "logger": record.name}
        line |= {"message": record.getMessage()} | dict(_fields(record))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps({name: self._hidden(value) for name, value in line.items()}, ensure_ascii=False)

    def _hidden(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return _HIDDEN.sub("[hidden]", text)


def _fields(record: logging.LogRecord) -> Iterator[tuple[str, str]]:
    """The names in a line, with their values. One of ours cannot hide what every line has."""
    values = iter(record.args if isinstance(record.args, tuple) else ())
    for found in _FIELD.finditer(str(record.msg)):
        name, value = found["name"] or found["fixed"], found["value"] or str(next(values, ""))
        if name and name not in ("at", "level", "logger", "message"):
            yield name, value


def write_log(config: Config) -> None:
    """Write log lines to standard error. Call once per process."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines(secret_values(config).values(), is_json=config.logging.format == "json"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("newsletter").setLevel(logging.INFO)
    for name, most in _PER_MINUTE.items():
        logging.getLogger(name).addFilter(Limit(most))
