"""Export: the archive as static files for any host. Two exports of the same archive are the same, byte for byte."""

import json
import re
from pathlib import Path

from newsletter.app.sending.view import find_asset
from newsletter.disk import write_whole
from newsletter.errors import StateError
from newsletter.storage.database.database import Database
from newsletter.web.public.answers import Answers, Site
from newsletter.web.public.archive.resources import ArchiveSite, Snapshot
from newsletter.web.public.words import choose_words

_HINT = "Choose another folder for --export"
_LIST = ".newsletter-archive.json"
"""The names of the files that an export wrote, so that the next one can remove what is no longer public."""
_ASSET = re.compile(rb"assets/([0-9a-f]{32}\.[a-z]{3,4})")


def export_archive(database: Database, site: Site, public_url: str, out: Path) -> list[Path]:
    """Write every page, feed and image below `out`; returns the files. What an earlier export wrote and is no longer in
    the archive is removed. Raises StateError when the archive is empty and was so before, RequestError when a file
    cannot be written.
    """
    archive = ArchiveSite(database, site, public_url, has_signup=True)
    now, before = archive.snapshot(), _written_before(out)
    if not now.issues and not before:
        raise StateError("The archive is empty", hint="Make a list public: newsletter lists edit LIST --public")
    files = _files(database, site, archive, now) if now.issues else {}
    files[_LIST] = (json.dumps(sorted(files), indent=0) + "\n").encode()
    for name, data in files.items():
        write_whole(out / name, data, hint=_HINT)
    for name in before - files.keys():
        (out / name).unlink(missing_ok=True)
    return [out / name for name in files]


def _files(database: Database, site: Site, archive: ArchiveSite, now: Snapshot) -> dict[str, bytes]:
    language = archive.choose_language(now, ())
    files = {
        f"{path}index.html" if path.endswith("/") or not path else path: archive.resource(now, path, language).body
        for path in archive.paths(now)
    }
    leaving = Answers(site, "../").message("neutral", choose_words([site.language]))
    files["u/index.html"] = bytes(leaving.body)
    for name in sorted({found.decode() for body in files.values() for found in _ASSET.findall(body)}):
        if (asset := find_asset(database, name)) is not None:
            files[f"assets/{name}"] = asset.data
    return files


def _written_before(out: Path) -> set[str]:
    """The files of the last export into a folder, as far as they lie in it."""
    try:
        names = json.loads((out / _LIST).read_bytes())
        root = out.resolve()
        inside = {name for name in names if (out / name).resolve().is_relative_to(root)}
        return {name for name in inside if (out / name).is_file()}
    except (OSError, ValueError, TypeError):
        return set()
