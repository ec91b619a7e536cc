"""Whether we say well enough who sends: what is missing here stops a check and a send.

Before: `[newsletter]`, `[public]` and `[bounces]` of newsletter.toml. After: problems for the operator.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from newsletter.audience.address import parse_address
from newsletter.compiler.edition import Identity
from newsletter.delivery.compose.envelope import return_path
from newsletter.delivery.compose.headers import named
from newsletter.delivery.ledger.plan import recipient_id
from newsletter.delivery.transports.smtp.settings import is_loopback
from newsletter.errors import AddressError, ComposeError, ConfigError
from newsletter.problem import Place, Problem, Severity
from newsletter.tokens import Key, Signer

_FILE = Place("newsletter.toml")
_ANY_SIGNER = Signer([Key("aa", bytes(32))])  # only the length of what it signs matters here
_ANY_RECIPIENT = recipient_id("any", 0)


def check_identity(identity: Identity, public_url: str, bounces: str = "") -> list[Problem]:
    """What is missing or wrong about the sender; paths are keys of newsletter.toml. `bounces` may be empty."""
    return [
        *_check_names(identity),
        *_check_addresses(identity),
        *_check_contacts(identity),
        *_check_bounces(bounces),
        *_check_public_url(public_url),
    ]


def _check_names(identity: Identity) -> Iterator[Problem]:
    if not identity.newsletter.strip():
        yield _error("missing-name", "newsletter.name", "the newsletter has no name", 'name = "The Weekly"')
    if not identity.postal_address.strip():
        yield _error(
            "missing-postal-address",
            "newsletter.postal_address",
            "there is no postal address, which most countries ask for in every mail",
            'postal_address = "1 Example Street, Sampletown"',
        )
    for path, name in [("newsletter.from", identity.from_name), ("newsletter.name", identity.newsletter)]:
        try:
            named("From", name, "checked@example.org")
        except ComposeError as error:
            yield _error("bad-name", path, str(error), error.hint)


def _check_addresses(identity: Identity) -> Iterator[Problem]:
    example = 'from = "The Weekly <weekly@example.org>"'
    if not identity.from_address:
        yield _error("missing-sender", "newsletter.from", "it is not said whom the mail comes from", example)
    else:
        yield from _check_address("newsletter.from", identity.from_address, example)
    if identity.reply_to:
        yield from _check_address("newsletter.reply_to", identity.reply_to, 'reply_to = "answers@example.org"')


def _check_address(path: str, text: str, example: str) -> Iterator[Problem]:
    try:
        address = parse_address(text)
    except AddressError as error:
        yield _error("bad-sender", path, f"{text!r} is not an address mail can come from: {error}", example)
        return
    if address.needs_smtputf8:
        yield _error(
            "bad-sender", path, f"{text!r}: many mail programs cannot answer an address that is not ASCII", example
        )


def _check_contacts(identity: Identity) -> Iterator[Problem]:
    if identity.contact and not identity.contact_url:
        message = f"{identity.contact!r} is neither a mail address nor a URL; it is shown, but cannot be opened"
        yield _warning("bad-contact", "newsletter.contact", message, 'contact = "help@example.org"')
    if identity.imprint and not identity.imprint_url:
        message = f"{identity.imprint!r} is not a URL"
        yield _error("bad-imprint", "newsletter.imprint", message, 'imprint = "https://example.org/imprint"')


def _check_bounces(bounces: str) -> Iterator[Problem]:
    if not bounces:
        return
    try:
        return_path(bounces, _ANY_RECIPIENT, _ANY_SIGNER)
    except ConfigError as error:
        yield _error("bad-bounces", "bounces.address", str(error).removeprefix("[bounces] address: "), error.hint)


def _check_public_url(public_url: str) -> Iterator[Problem]:
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    if parts.scheme != "https" and not (is_loopback(host) or host.endswith(".localhost")):  # as browsers see it
        yield _warning(
            "public-url-not-https",
            "public.url",
            f"{public_url} is not https: mail programs offer one-click unsubscribing only over https (RFC 8058)",
            'url = "https://news.example.org"',
        )


def _error(rule: str, path: str, message: str, hint: str) -> Problem:
    return Problem(rule, message, _FILE, path=path, hint=_written(path, hint))


def _warning(rule: str, path: str, message: str, hint: str) -> Problem:
    return Problem(rule, message, _FILE, Severity.WARNING, path=path, hint=_written(path, hint))


def _written(path: str, hint: str) -> str:
    """A line of newsletter.toml together with the table that it belongs to; another hint as it is."""
    table, _, key = path.partition(".")
    return f"Write, under [{table}]: {hint}" if hint.startswith(f"{key} = ") else hint
