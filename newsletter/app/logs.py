"""Logs: what long-running parts say about themselves, a line each on standard error, in UTC: ids, never addresses."""

from __future__ import annotations

import logging
import time


def write_log() -> None:
    """Begin to log. Called once, by whoever runs a process."""
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("newsletter").setLevel(logging.INFO)
