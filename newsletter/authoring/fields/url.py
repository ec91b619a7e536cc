"""What a link may be: http, https, mailto or tel; and how it is written into an email.

Used by `schema`, `proofread` and the compiler.
"""

import re
from dataclasses import dataclass
from html import unescape
from urllib.parse import quote, unquote, urlsplit

from newsletter.expression import FIELD
from newsletter.hostname import ascii_host, disguise, is_local
from newsletter.problem import named

MAX_LENGTH = 2000
"""Characters; longer links break in some mail programs."""

_MAIL_FIELDS = frozenset({"to", "cc", "bcc", "subject", "body"})
_FORBIDDEN = re.compile(r"[\s<>\"\\\x00-\x1f]")
_HIDDEN = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufffc]")
"""Joiners may belong to a word of Persian or to an emoji."""
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d+|#[xX][0-9a-fA-F]+);")
_KEPT = "%!#$&'()*+,/:;=?@[]~"
"""Characters of a URL that are not escaped: RFC 3986 reserved and unreserved ones, and the percent sign itself."""


@dataclass(frozen=True, slots=True)
class BadUrl:
    """Why a text is no link, and what to do."""

    message: str
    hint: str = ""


def url_fault(written: str) -> BadUrl | None:
    """What is wrong with a link as the author wrote it, with merge fields in it or as the whole of it."""
    url = FIELD.sub(lambda field: "" if field.group() == written else "x", written)
    if not url:
        return None if written else BadUrl("a link is missing here")
    if len(url) > MAX_LENGTH:
        return BadUrl(f"the link has {len(url)} characters; at most {MAX_LENGTH} are safe in email")
    if found := _FORBIDDEN.search(url):
        what = "a space" if found.group().isspace() else repr(found.group())
        escape = "".join(f"%{byte:02X}" for byte in found.group().encode())
        return BadUrl(f"a link cannot hold {what}", f"Write {escape} where it belongs to the link.")
    if hidden := _HIDDEN.search(url):
        return BadUrl(f"the link holds {named(hidden.group())}, which cannot be seen", "Delete it.")
    if entity := _ENTITY.search(url):
        sign = quote(unescape(entity.group()), safe=_KEPT)
        return BadUrl(f"the link holds {entity.group()}, as HTML writes it", f"Write {sign} in its place.")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        return BadUrl(f"this is not a link: {error}")
    if parts.scheme in ("http", "https"):
        if "@" in parts.netloc:
            return BadUrl(
                "the part before @ looks like another address",  # https://bank.example@evil.example leads to the second
                "Delete what is between // and @; a link to an email address begins with mailto:",
            )
        return _host_fault(host)
    if parts.scheme == "mailto":
        return _mail_fault(parts.path, parts.query)
    if parts.scheme == "tel":
        is_number = re.fullmatch(r"\+?[0-9().*#-]*[0-9][0-9().*#-]*(?:;[A-Za-z0-9-]+=[\w.+%-]+)*", parts.path)
        return None if is_number else BadUrl("there is no telephone number after tel:", "As in tel:+49-30-123456")
    return _scheme_fault(url, parts.scheme)


def normalise_url(url: str) -> str:
    """A URL as it may travel: host as A-label, everything that is not ASCII percent-encoded, escapes left as they are.

    What is no URL is only escaped; `url_fault` explains it.
    """
    url = url.strip()
    match = re.match(r"(?i)(https?://(?:[^/?#@]*@)?)([^/?#:]+)(.*)", url, re.DOTALL)
    if match and not match[2].isascii():
        url = match[1] + ascii_host(match[2]) + match[3]  # what is no host name is made harmless below
    return quote(url, safe=_KEPT, errors="replace")


def _mail_fault(path: str, query: str) -> BadUrl | None:
    """What is wrong with a `mailto:` link: addresses divided by commas, then fields (RFC 6068)."""
    fields = [field.partition("=") for field in query.split("&")] if query else []
    if unknown := next((name for name, _, _ in fields if name.lower() not in _MAIL_FIELDS), None):
        hint = "It may have subject, body, cc, bcc and to; an & in their words is written %26."
        return BadUrl(f"a link to an email address cannot have the field {unknown!r}", hint)
    named = [unquote(value) for name, _, value in fields if name.lower() in ("to", "cc", "bcc")]
    for address in (one for text in (path, *named) if text or not fields for one in unquote(text).split(",")):
        if not re.fullmatch(r"[^@]+@[^@]+\.[^@]+", address.strip()):
            if address.strip():
                return BadUrl(f"{address.strip()!r} is not an email address", "Addresses are divided by commas.")
            return BadUrl("there is no email address after mailto:", "As in mailto:name@example.org")
    return None


def _host_fault(host: str) -> BadUrl | None:
    if not host:
        return BadUrl("the link has no host name", "A link looks like https://example.org/page")
    if host.strip(".") != "localhost" and ("." not in host.strip(".") or ".." in host) and ":" not in host:
        return BadUrl(f"{host!r} is not a host name", "A link looks like https://example.org/page")
    if ":" not in host and (why := disguise(host)):
        return BadUrl(f"the host name {why}", "Write the host name itself, as its owner writes it.")
    if is_local(host):
        return BadUrl(f"readers cannot reach {host}: only your machine or network knows it", "Write a public address.")
    return None


def _scheme_fault(url: str, scheme: str) -> BadUrl:
    if scheme and not re.match(r"[\w.-]+\.\w+:\d", url):
        return BadUrl(f"a link cannot begin with {scheme}:", "Links begin with https://, http://, mailto: or tel:")
    if re.fullmatch(r"[^/@\s]+@[\w.-]+\.\w+", url):
        return BadUrl("this is an email address, not a link", f"Write mailto:{url}")
    if re.match(r"(//)?[\w-]+(\.[\w-]+)+(:\d+)?([/?#]|$)", url):
        return BadUrl("the link has no scheme", f"Write https://{url.removeprefix('//')}")
    if url.startswith("#"):
        hint = "An email has no places to jump to: delete the link, or lead to a web page"
        return BadUrl("a link cannot lead to a place inside the email", hint)
    return BadUrl("the link has no scheme and no host name", "Write the whole address, beginning with https://")
