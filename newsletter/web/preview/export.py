"""Export: a static copy of the preview, to be looked at without any server or put beside a pull request."""

from collections.abc import Iterator
from pathlib import Path

from newsletter.app.issues.examine import Examined
from newsletter.app.project import Project
from newsletter.authoring.persona import Persona
from newsletter.disk import write_whole
from newsletter.web.preview.cache import PreviewCache
from newsletter.web.preview.frame import VIEWS
from newsletter.web.preview.issue_pages import STATIC, PreviewPages


def export_preview(project: Project, out: Path) -> list[Path]:
    """Write every page, message and image below `out`; returns the files written, the index first."""
    cache = PreviewCache(lambda: project, lambda: "")
    pages = PreviewPages(cache, live=False)
    looks, personas = [found for slug in cache.slugs() if (found := cache.look(slug))], cache.personas()
    written = [_write(out / "index.html", pages.index([(look, True) for look in looks], personas, "").encode())]
    written += [_write(out / "static" / file.name, file.read_bytes()) for file in sorted(STATIC.iterdir())]
    for found in looks:
        files = _files(pages, found, personas)
        written += [_write(out / path, data) for path, data in files]
    return written


def _files(pages: PreviewPages, found: Examined, personas: tuple[Persona, ...]) -> Iterator[tuple[Path, bytes]]:
    for language in pages.ways(found, personas):
        folder = Path("issues", found.slug, language)
        edition = found.editions.get(language)
        for persona in personas:
            yield folder / f"{persona.id}.html", pages.sheet(found, language, persona, personas, "").encode()
            for name, view in VIEWS.items():
                if edition is None:
                    continue  # the page says why
                yield folder / f"{persona.id}.{name}.html", pages.mail(edition, persona, view).encode()
                if edition.page:
                    yield folder / f"{persona.id}.page-{name}.html", pages.web_page(edition, view).encode()
    for edition in found.editions.values():
        for asset in edition.assets:
            yield Path("assets", asset.name), asset.data


def _write(path: Path, data: bytes) -> Path:
    write_whole(path, data, hint="Choose another folder for --export")
    return path
