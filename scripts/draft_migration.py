"""Draft the next step in newsletter/storage/database/migrations/versions after a change of storage/database/tables.py.

Run it with a message, then read and correct what it wrote: `python scripts/draft_migration.py "Add songs"`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from newsletter.storage.database.database import open_database
from newsletter.storage.database.migrate import draft_step, require_current


def main() -> None:
    """Compare the tables with a new database that all steps were run on."""
    with TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{Path(folder) / 'steps.db'}")
        require_current(database)
        print(draft_step(database, " ".join(sys.argv[1:]) or "Change tables"))
        database.close()


if __name__ == "__main__":
    main()
