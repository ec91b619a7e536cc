"""Checks of the sender: errors stop a check and a send; values never filled in stop a send to a real relay.

Before: `[newsletter]`, `[public]` and `[bounces]` of newsletter.toml. After: problems for the operator.
"""

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from newsletter.audience.address import parse_address
from newsletter.authoring.placeholders import PLACEHOLDER, is_placeholder
from newsletter.compiler.edition import Identity
from newsletter.delivery.compose.envelope import return_path
from newsletter.delivery.compose.headers import named
from newsletter.delivery.ledger.plan import recipient_id
from newsletter.delivery.transports.smtp.settings import is_loopback
from newsletter.errors import AddressError, ComposeError, ConfigError
from newsletter.hostname import is_below, is_local
from newsletter.problem import Place, Problem, Severity
from newsletter.tokens import Key, Signer

RESERVED_DOMAIN = "reserved-domain"
UNFINISHED = frozenset({"example-sender", "public-url-local", "public-url-not-https", RESERVED_DOMAIN})
"""Ids of problems that stop a send to a real relay: fine for trying out, useless or harmful to readers."""

_RESERVED = ("example", "example.com", "example.net", "example.org", "test", "invalid", "localhost")
"""Reserved for documentation and tests (RFC 2606, RFC 6761)."""
_UNREACHED = ("alt", "onion")
"""No pages of a newsletter: most readers cannot reach them (RFC 9476, RFC 7686)."""

_IN_BRACKETS = re.compile(r"\[.*\]|<.*>|\{.*\}", re.DOTALL)
_PUBLIC_URL = 'url = "https://news.example.org"'
_FILE = Place("newsletter.toml")
_ANY_SIGNER = Signer([Key("aa", bytes(32))])  # only the length of what it signs matters here
_ANY_RECIPIENT = recipient_id("any", 0)


def check_identity(
    identity: Identity, public_url: str, bounces: str = "", *, has_plain_path: bool = False
) -> list[Problem]:
    """What is missing or wrong about the sender; paths are keys of newsletter.toml. `bounces` may be empty.

    `has_plain_path`: the bounce mailbox need not carry a token.
    """
    return [
        *_check_names(identity),
        *_check_addresses(identity),
        *_check_contacts(identity),
        *_check_bounces(bounces, has_plain_path),
        *_check_public_url(public_url),
    ]


def check_real_identity(identity: Identity, public_url: str, bounces: str, example: Identity) -> list[Problem]:
    """What is still an example, and whether readers can reach our pages; warnings. `example`: a new project's."""
    return [*_check_example(identity, bounces, example), *_check_reach(public_url)]


def _check_example(identity: Identity, bounces: str, example: Identity) -> list[Problem]:
    found: dict[str, Problem] = {}
    for path, text, of_example in (
        ("newsletter.name", identity.newsletter, example.newsletter),
        ("newsletter.from", identity.from_address, example.from_address),
        ("newsletter.from", identity.from_name, example.from_name),
        ("newsletter.reply_to", identity.reply_to, example.reply_to),
        ("newsletter.legal_name", identity.legal_name, example.legal_name),
        ("newsletter.postal_address", identity.postal_address, example.postal_address),
        ("newsletter.contact", identity.contact, example.contact),
        ("newsletter.imprint", identity.imprint, example.imprint),
        ("bounces.address", bounces, ""),
    ):
        host = urlsplit(text).hostname or text.partition("?")[0].rpartition("@")[2]
        parts = filter(str.strip, re.split(r"[,;\n]", text))
        if any(map(is_placeholder, parts)) or _IN_BRACKETS.fullmatch(text.strip()):
            problem = _warning(PLACEHOLDER, path, f"{text!r} is no value yet: write your own")
        elif _is_like(text, of_example):
            problem = _warning("example-sender", path, f"{text!r} is the example of a new project: write your own")
        elif is_below(host, _RESERVED):
            problem = _warning(RESERVED_DOMAIN, path, _reserved(text, host))
        else:
            continue
        found.setdefault(path, problem)
    return list(found.values())


def _reserved(text: str, host: str) -> str:
    return f"{text!r} is an example: {host} is reserved for documentation and tests (RFC 2606)"


def _is_like(text: str, example: str) -> bool:
    """Whether a text is the example, several words of it, or holds a part of it between commas."""
    ours, theirs = _plain(text), _plain(example)
    parts = filter(str.strip, map(_plain, example.split(",")))
    return any(part in ours for part in parts) or (len(ours.split()) > 1 and ours in theirs)


def _plain(text: str) -> str:
    """The words between spaces, without case, commas and semicolons, for comparing."""
    return " ".join(["", *re.findall(r"[^\s,;]+", text.casefold()), ""])


def _check_reach(public_url: str) -> Iterator[Problem]:
    parts = urlsplit(public_url)
    host = unquote(parts.hostname or "")
    if _is_local(host):
        message = f"readers cannot reach {public_url}, so they would see no images and could not unsubscribe"
        yield _warning("public-url-local", "public.url", message, _PUBLIC_URL)
    elif is_below(host, _RESERVED):
        yield _warning(RESERVED_DOMAIN, "public.url", _reserved(public_url, host), _PUBLIC_URL)
    elif parts.scheme != "https":
        yield _not_https(public_url)


def _is_local(host: str) -> bool:
    """Whether readers' machines cannot reach this host, or reach another one under its name."""
    try:
        return is_local(host) or not ipaddress.ip_address(host).is_global
    except ValueError:
        *above, last = host.rstrip(".").split(".")
        is_number = last.isdigit() or last.startswith("0x")  # an IPv4 address to browsers, however it is written
        return not above or is_number or is_below(host, _UNREACHED)


def _check_names(identity: Identity) -> Iterator[Problem]:
    if not identity.newsletter.strip():
        yield _error("missing-name", "newsletter.name", "the newsletter has no name", 'name = "The Weekly"')
    if not identity.postal_address.strip():
        yield _error(
            "missing-postal-address",
            "newsletter.postal_address",
            "there is no postal address, which most countries require in every email",
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
        yield _error("missing-sender", "newsletter.from", "the sender's address is missing", example)
    else:
        yield from _check_address("newsletter.from", identity.from_address, example)
    if identity.reply_to:
        yield from _check_address("newsletter.reply_to", identity.reply_to, 'reply_to = "answers@example.org"')


def _check_address(path: str, text: str, example: str) -> Iterator[Problem]:
    try:
        address = parse_address(text)
    except AddressError as error:
        yield _error("bad-sender", path, f"{text!r} cannot be the sender's address: {error}", example)
        return
    if address.needs_smtputf8:
        yield _error(
            "bad-sender", path, f"{text!r}: many email clients cannot answer an address that is not ASCII", example
        )


def _check_contacts(identity: Identity) -> Iterator[Problem]:
    if identity.contact and not identity.contact_url:
        message = f"{identity.contact!r} is neither an email address nor a URL; it is shown, but cannot be opened"
        yield _warning("bad-contact", "newsletter.contact", message, 'contact = "help@example.org"')
    if identity.imprint and not identity.imprint_url:
        example = 'imprint = "https://example.org/imprint"'
        yield _error("bad-imprint", "newsletter.imprint", f"{identity.imprint!r} is not a URL", example)


def _check_bounces(bounces: str, has_plain_path: bool) -> Iterator[Problem]:
    if not bounces:
        return
    try:
        _ = parse_address(bounces) if has_plain_path else return_path(bounces, _ANY_RECIPIENT, _ANY_SIGNER)
    except (ConfigError, AddressError) as error:
        yield _error(
            "bad-bounces", "bounces.address", str(error).removeprefix("[bounces] address: "),
            error.hint or "Use a mailbox such as bounces@example.org",
        )  # fmt: skip


def _check_public_url(public_url: str) -> Iterator[Problem]:
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    if parts.scheme != "https" and not (is_loopback(host) or host.endswith(".localhost")):  # as browsers see it
        yield _not_https(public_url)


def _not_https(public_url: str) -> Problem:
    message = f"{public_url} is not https: email clients offer one-click unsubscribing only over https (RFC 8058)"
    return _warning("public-url-not-https", "public.url", message, _PUBLIC_URL)


def _error(rule: str, path: str, message: str, hint: str) -> Problem:
    return Problem(rule, message, _FILE, path=path, hint=_written(path, hint))


def _warning(rule: str, path: str, message: str, hint: str = "") -> Problem:
    return Problem(rule, message, _FILE, Severity.WARNING, path=path, hint=_written(path, hint))


def _written(path: str, hint: str) -> str:
    """A line of newsletter.toml together with the table that it belongs to; another hint as it is."""
    table, _, key = path.partition(".")
    return f"Write, under [{table}]: {hint}" if hint.startswith(f"{key} = ") else hint
