"""Keys: the project's secrets, in a git-ignored file of their own (`secret.toml`), made when first needed;
beside it, in `dkim/`, the private keys that sign messages.

Signing keys can be rotated and retired: the newest signs, all verify. The address key makes the keyed hashes that
identify subscribers in the database and is never changed; a database made with another one is refused.
"""

from __future__ import annotations

import base64
import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.config import is_dns_name
from newsletter.disk import write_whole
from newsletter.errors import AlreadyExistsError, ConfigError, NotFoundError, StateError, WrongUsageError
from newsletter.tokens import Key, Signer, base32, keyed_hash

if TYPE_CHECKING:
    from newsletter.config import DkimSection
    from newsletter.delivery.compose.dkim import DkimKey, DkimSigner, KeyType

FILE = "secret.toml"
VARIABLE = "NEWSLETTER_SECRET"
"""The environment variable that may hold the text of that file, for machines without it."""
DKIM_FOLDER = "dkim"
_IGNORE_ALL = b"# Private keys: keep a copy in a safe place, never in git.\n*\n"
_PEM = re.compile("-----BEGIN [^-]+-----.+?-----END [^-]+-----", re.DOTALL)
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

    def __init__(self, folder: Path, given: str = "") -> None:
        """`given`: the text of such a file, from the environment; then no file is read or made."""
        self._file = folder / FILE
        # One value, because several threads ask.
        self._known = (0, 0, 0), _parse(given, Path(VARIABLE)) if given else load_keys(folder)
        self._is_given = bool(given)

    @property
    def keys(self) -> Keys:
        """What the file says now, or said last."""
        stamp, keys = self._known
        try:
            if not self._is_given and (now := _stamp(self._file)) != stamp:
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


def dkim_file(folder: Path, selector: str) -> Path:
    """Where a project keeps the private key of this selector."""
    return folder / DKIM_FOLDER / f"{selector}.pem"


def dkim_pems(folder: Path) -> dict[str, str]:
    """The private keys in files, by the path from the project; without those that cannot be read."""
    found = {}
    for file in (folder / DKIM_FOLDER).glob("*.pem"):
        try:
            found[f"{DKIM_FOLDER}/{file.name}"] = file.read_text(encoding="latin-1")
        except OSError:
            pass  # `newsletter doctor` tells
    return found


def make_dkim_key(folder: Path, selector: str, type_: KeyType) -> DkimKey:
    """Make a key and keep it in a file that only its owner may read and git ignores. Raises AlreadyExistsError."""
    from newsletter.delivery.compose.dkim import new_key

    if not is_dns_name(selector):
        raise WrongUsageError(f"{selector!r} is no selector", hint="A selector looks like rsa2026")
    file, key = dkim_file(folder, selector), new_key(type_, selector)
    try:
        write_whole(file, key.pem, private=True, durable=True, fresh=True)
    except FileExistsError as error:
        hint = "Receivers may have stored its record, so a new key needs a new name: --selector"
        raise AlreadyExistsError(f"{file} is already there", hint=hint) from error
    write_whole(file.with_name(".gitignore"), _IGNORE_ALL)
    return key


def load_dkim(folder: Path, settings: DkimSection, sender_domain: str) -> DkimSigner | None:
    """What signs messages; None when they leave unsigned. Raises ConfigError for a key that is missing or unusable."""
    if not settings.selectors:
        return None
    from newsletter.delivery.compose.dkim import DkimSigner, read_key

    pems = _PEM.findall(settings.private_keys.get_secret_value().replace("\\n", "\n"))
    if pems and len(pems) != len(settings.selectors):
        raise ConfigError(
            f"[dkim] names {len(settings.selectors)} selectors, and private_keys holds {len(pems)} keys",
            hint="Give one key for each selector, in the same order",
        )
    keys = []
    for number, selector in enumerate(settings.selectors):
        where = f"The private key of {selector!r} in the environment" if pems else str(dkim_file(folder, selector))
        pem = pems[number].encode() if pems else _dkim_pem(folder, selector)
        keys.append(read_key(selector, pem, where=where))
    return DkimSigner(settings.domain or sender_domain, tuple(keys))


def _dkim_pem(folder: Path, selector: str) -> bytes:
    file = dkim_file(folder, selector)
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        hint = f"Copy it from where it was made, or make it: newsletter dkim new --selector {selector}"
        raise ConfigError(f"[dkim] names the key {selector!r}, and there is no {file}", hint=hint) from error
    except OSError as error:
        hint = "It must be a file that the user who sends may read"
        raise ConfigError(f"{file} cannot be read: {error.strerror}", hint=hint) from error


def _read(file: Path) -> Keys:
    try:
        return _parse(file.read_text(encoding="utf-8"), file)
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read: {error.strerror}",
            hint="It must be a file you may read; do not make a new one",
        ) from error
    except UnicodeDecodeError as error:
        raise _damaged(file, "it is not UTF-8 text") from error


def _parse(text: str, file: Path) -> Keys:
    """The keys in a text; `file` is how errors call it."""
    try:
        written = tomllib.loads(text)
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
