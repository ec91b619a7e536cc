"""Sender: runs the sending loop for one delivery in the foreground, or for all of them in a worker process."""

from __future__ import annotations

from newsletter.app.project import Project
from newsletter.storage.engine import Database


def run_worker(project: Project, database: Database) -> None:
    """Freeze and send whatever is due, until SIGTERM or SIGINT; then finish what is in flight and return.

    Meant to be the only thing its process does: it installs signal handlers and runs an event loop of its own.
    """
    raise NotImplementedError
