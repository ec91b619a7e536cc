"""Keys: the project's secrets, in a git-ignored file of their own (`secret.toml`), made when first needed.

Signing keys can be rotated and retired: the newest signs, all verify. The address key makes the keyed hashes that
identify subscribers in the database and is never changed; a database made with another one is refused.
"""

import base64
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from newsletter.disk import write_whole
from newsletter.errors import ConfigError, NotFoundError, StateError
from newsletter.tokens import Key, Signer, base32, keyed_hash

FILE = "secret.toml"
_HEAD = "# Secrets of this newsletter: keep a copy in a safe place, never in git.\n"


@dataclass(frozen=True, slots=True)
class Keys:
    """What signs our links (newest first) and what hashes addresses."""

    signing: tuple[Key, ...]
    address: bytes = field(repr=False)

    @property
    def signer(self) -> Signer:
        """Makes and verifies tokens with these keys."""
        return Signer(self.signing)

    @property
    def fingerprint(self) -> str:
        """What a database remembers of the address key, to notice another one."""
        return keyed_hash(self.address, "fingerprint of the address key")


def has_keys(folder: Path) -> bool:
    """Whether the project has keys already."""
    return (folder / FILE).exists()


def load_keys(folder: Path) -> Keys:
    """Read the project's keys; make them when there are none. Raises ConfigError when the file is damaged."""
    file = folder / FILE
    return _read(file) if file.exists() else _create(file)


class Keyring:
    """The keys of a project for as long as a process runs, read again when their file has changed.

    While it is missing or damaged the last good ones stay: a service goes on, and makes no new ones.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._known = (0, 0, 0), load_keys(folder)  # one value, because several threads ask

    @property
    def keys(self) -> Keys:
        """What the file says now, or said last."""
        stamp, keys = self._known
        try:
            if (now := _stamp(self._file)) != stamp:
                keys = _read(self._file)
                self._known = now, keys
        except (OSError, ConfigError):
            pass  # `newsletter doctor` tells
        return keys


def rotate_keys(folder: Path) -> Keys:
    """Put a new signing key in front; the old ones go on verifying the links in mails already sent."""
    keys = load_keys(folder)
    taken = {key.id for key in keys.signing}
    rotated = Keys(signing=(_new_key(taken), *keys.signing), address=keys.address)
    _write(folder / FILE, rotated, fresh=False)
    return rotated


def retire_key(folder: Path, id_: str) -> Keys:
    """Remove one signing key: links signed with it no longer verify. Raises as `check_retirable` does."""
    keys = check_retirable(folder, id_)
    kept = Keys(tuple(key for key in keys.signing if key.id != id_), keys.address)
    _write(folder / FILE, kept, fresh=False)
    return kept


def check_retirable(folder: Path, id_: str) -> Keys:
    """The keys, if this one may be retired. Raises NotFoundError for an unknown id, StateError for the newest key."""
    keys = load_keys(folder)
    known = [key.id for key in keys.signing]
    if id_ not in known:
        raise NotFoundError(f"There is no signing key {id_!r}", hint=f"The keys, newest first: {', '.join(known)}")
    if id_ == known[0]:
        raise StateError(
            f"{id_!r} is the newest key: links are signed with it",
            hint="Make a newer one with newsletter secret rotate, then retire this one",
        )
    return keys


def _read(file: Path) -> Keys:
    try:
        written = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read: {error.strerror}",
            hint="It must be a file you may read; do not make a new one",
        ) from error
    except UnicodeDecodeError as error:
        raise _damaged(file, "it is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise _damaged(file, str(error)) from error
    tables = written.get("signing")
    if not isinstance(tables, list) or not tables:
        raise _damaged(file, "there is no [[signing]]")
    signing = tuple(_signing_key(file, table, f"[[signing]] {number}") for number, table in enumerate(tables, 1))
    return Keys(signing=signing, address=_secret(file, written, "address_key", "address_key"))


def _signing_key(file: Path, table: object, where: str) -> Key:
    if not isinstance(table, dict) or not isinstance(table.get("id"), str):
        raise _damaged(file, f"{where} has no id")
    return Key(table["id"], _secret(file, table, "secret", f"the secret of {where}"))


def _secret(file: Path, table: Mapping[str, object], name: str, where: str) -> bytes:
    value = table.get(name)
    try:
        secret = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except ValueError:
        secret = b""
    if len(secret) < 32:
        raise _damaged(file, f"{where} is missing, or is not 32 bytes in Base64")
    return secret


def _damaged(file: Path, why: str) -> ConfigError:
    return ConfigError(f"{file} is damaged: {why}", hint="Restore it from your copy; do not make a new one")


def _stamp(file: Path) -> tuple[int, int, int]:
    """What differs as soon as a file was replaced or written to."""
    status = file.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


def _create(file: Path) -> Keys:
    keys = Keys(signing=(_new_key(set()),), address=secrets.token_bytes(32))
    try:
        _write(file, keys, fresh=True)
    except FileExistsError:  # another process was quicker: its keys are the project's
        return load_keys(file.parent)
    return keys


def _new_key(taken: set[str]) -> Key:
    while True:
        key = Key(base32(secrets.token_bytes(2))[:2], secrets.token_bytes(32))
        if key.id not in taken:
            return key


def _write(file: Path, keys: Keys, *, fresh: bool) -> None:
    lines = [_HEAD, f'address_key = "{_text(keys.address)}"\n']
    lines += [f'\n[[signing]]\nid = "{key.id}"\nsecret = "{_text(key.secret)}"\n' for key in keys.signing]
    hint = "The project needs this file; its folder must be writable"
    write_whole(file, "".join(lines).encode(), hint=hint, private=True, durable=True, fresh=fresh)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
