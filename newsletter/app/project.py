"""Project: the folder with newsletter.toml, and what follows from it: configuration, keys, template folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from newsletter.app.keys import FILE as FILE_OF_KEYS
from newsletter.app.keys import VARIABLE, Keyring, Keys, has_keys, load_dkim
from newsletter.config import FILE, Config, load_config
from newsletter.delivery.transports.smtp.settings import is_loopback
from newsletter.errors import StateError
from newsletter.hostname import ascii_host

if TYPE_CHECKING:
    from newsletter.compiler.edition import Identity
    from newsletter.delivery.compose.dkim import DkimSigner
    from newsletter.storage.database.database import Database
    from newsletter.storage.journal.journal import Journal

STARTER = Path(__file__).parent / "operating" / "starter"
"""The project that `newsletter init` copies."""


@dataclass(frozen=True)
class Project:
    """One newsletter on disk. Relative paths in its configuration start at `folder`."""

    folder: Path
    config: Config
    picture_folder: Path | None = None
    """Where pictures are cached. Outside the folder: what lies in there may come from a branch of a stranger."""
    secret: str = field(default="", repr=False)
    """The text of secret.toml, where the environment gives it; empty: the file is used."""

    @property
    def issues(self) -> Path:
        """Where issues, people.yaml and personas.yaml lie."""
        return self.folder / "issues"

    @property
    def template_folders(self) -> tuple[Path, ...]:
        """Where templates are looked for: the project's own first, then those that ship with the program."""
        return (self.folder / "templates", shipped_templates())

    @property
    def identity(self) -> Identity:
        """Who sends."""
        from newsletter.config.identity import identity_of  # most commands show no sender

        return identity_of(self.config.newsletter)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the newsletter's people."""
        return ZoneInfo(self.config.newsletter.timezone)

    @property
    def assets_url(self) -> str:
        """Where `newsletter serve` hands out the images of editions, by their names."""
        return f"{self.config.public.url}/assets"

    @property
    def real_relay(self) -> str:
        """The relay by which emails leave this machine; empty without one. One on a loopback address is taken for a
        mail catcher."""
        return next((one.host for one in self.config.all_relays if not is_loopback(one.host)), "")

    @property
    def has_real_relay(self) -> bool:
        """Whether emails leave this machine."""
        return bool(self.real_relay)

    @property
    def has_keys(self) -> bool:
        """Whether there are keys already."""
        return bool(self.secret) or has_keys(self.folder)

    def require_key_file(self) -> None:
        """Raise StateError when the keys come from the environment, where they cannot be changed from here."""
        if self.secret:
            hint = f"Change them in a project with a {FILE_OF_KEYS}, and set its text there"
            raise StateError(f"The keys come from the environment variable {VARIABLE}", hint=hint)

    @property
    def keys(self) -> Keys:
        """The project's secrets as they are now, made when first needed."""
        return self._keyring.keys

    @property
    def sender_domain(self) -> str:
        """The domain of `from`, in A-labels."""
        return ascii_host(self.identity.from_address.rpartition("@")[2])

    @cached_property
    def dkim(self) -> DkimSigner | None:
        """What signs messages, as it was when first asked for. Raises ConfigError for a key that cannot be used."""
        return load_dkim(self.folder, self.config.dkim, self.sender_domain)

    @property
    def database_url(self) -> str:
        """The database, with a relative SQLite path resolved against the project folder."""
        url = self.config.database.url
        scheme, separator, path = url.partition(":///")
        if separator and scheme.startswith("sqlite") and path and path != ":memory:" and not Path(path).is_absolute():
            return f"{scheme}:///{self.folder / path}"
        return url

    def journal(self, database: Database) -> Journal:
        """This host's journal beside the project's database; the caller closes it."""
        from newsletter.storage.journal.journal import Journal  # most commands open no database

        return Journal(self.folder, database, adopted=self.config.database.adopt)

    @cached_property
    def _keyring(self) -> Keyring:
        return Keyring(self.folder, self.secret)


def find_folder(start: Path) -> Path | None:
    """The nearest folder, from `start` upwards, that holds newsletter.toml; None when there is none."""
    start = start.resolve()
    return next((folder for folder in (start, *start.parents) if (folder / FILE).is_file()), None)


def open_project(folder: Path, environment: Mapping[str, str]) -> Project:
    """Read a project's configuration. Raises ConfigError with everything that is wrong with it."""
    config = load_config(folder, environment)
    return Project(folder, config, _picture_folder(environment), secret=environment.get(VARIABLE, ""))


def _picture_folder(environment: Mapping[str, str]) -> Path | None:
    """Where pictures are cached, as the XDG Base Directory Specification says; None for a user without a home."""
    named, home = Path(environment.get("XDG_CACHE_HOME", "")), environment.get("HOME", "")
    cache = named if named.is_absolute() else Path(home, ".cache") if home else None
    return cache / "newsletter" / "pictures" if cache else None


def shipped_templates() -> Path:
    """The templates that come with the program: beside its code in a wheel, beside its package in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "shipped" / "templates"
    return inside if inside.is_dir() else package.parent / "templates"
