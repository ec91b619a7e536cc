"""PreviewCache: the issues of the project, compiled when a page asks for them and cached until a file changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock

from newsletter.app.issues.examine import Examined, read_personas
from newsletter.app.issues.preview import glimpse, look, slugs, summary
from newsletter.app.project import Project
from newsletter.authoring.persona import Persona
from newsletter.compiler.edition import Asset, Edition


@dataclass(frozen=True, slots=True)
class Kept:
    """Everything that was made since the last change."""

    version: str
    paths: Mapping[str, Path]
    personas: tuple[Persona, ...]
    looks: dict[str, Examined]
    glances: dict[str, Examined]
    editions: dict[tuple[str, str], Edition | None]
    """By slug and language, of issues that were not looked at as a whole yet."""


class PreviewCache:
    """Compiles issues. That is slow, so it is done off the event loop, one issue at a time; the list does not wait.

    When `version` changes, everything is made anew, and `reopen` reads the configuration again. Every method raises
    ConfigError while the configuration has a mistake.
    """

    def __init__(self, reopen: Callable[[], Project], version: Callable[[], str]) -> None:
        self.project = reopen()
        """As of the last valid configuration."""
        self._reopen = reopen
        self._version = version
        self._lock = Lock()
        self._compiling = Lock()
        self._kept: Kept | None = None
        self._assets: dict[str, Asset] = {}

    def look(self, slug: str) -> Examined | None:
        """One issue; None when there is none of that name."""
        with self._compiling:
            with self._lock:
                kept, project = self._fresh(), self.project
            if slug in kept.paths and slug not in kept.looks:
                found = look(project, kept.paths[slug], datetime.now(project.zone).date())
                self._keep_assets(*found.editions.values())
                kept.looks[slug] = found
            return kept.looks.get(slug)

    def edition(self, slug: str, language: str) -> Edition | None:
        """One edition of an issue, without the checks; None when there is none."""
        with self._compiling:
            with self._lock:
                kept, project = self._fresh(), self.project
            if slug in kept.looks:
                return kept.looks[slug].editions.get(language)
            if slug in kept.paths and (slug, language) not in kept.editions:
                found = glimpse(project, kept.paths[slug], language, datetime.now(project.zone).date())
                self._keep_assets(*[found] if found else [])
                kept.editions[slug, language] = found
            return kept.editions.get((slug, language))

    def glances(self) -> list[tuple[Examined, bool]]:
        """Every issue, and whether it is compiled: those that nobody has looked at are only read."""
        with self._lock:
            kept = self._fresh()
            compiled = dict(kept.looks)
            for slug, path in kept.paths.items():
                if slug not in kept.glances and slug not in compiled:
                    kept.glances[slug] = summary(self.project, path)
            return [(compiled.get(slug) or kept.glances[slug], slug in compiled) for slug in kept.paths]

    def slugs(self) -> list[str]:
        """The names of all issues."""
        with self._lock:
            return list(self._fresh().paths)

    def personas(self) -> tuple[Persona, ...]:
        """All personas."""
        with self._lock:
            return self._fresh().personas

    def asset(self, name: str) -> Asset | None:
        """An image of an issue, or of an earlier version of one."""
        return self._assets.get(name)

    def _keep_assets(self, *editions: Edition) -> None:
        """Never forgotten: a page that is being replaced may still ask for an image of before."""
        for edition in editions:
            self._assets.update({asset.name: asset for asset in edition.assets})

    def _fresh(self) -> Kept:
        version = self._version()  # asked before reading: a change while we read makes us read again
        if self._kept is None or self._kept.version != version:
            self.project = self._reopen()
            self._kept = Kept(version, slugs(self.project), read_personas(self.project)[0], {}, {}, {})
        return self._kept
