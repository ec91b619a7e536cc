"""Host names: as computers compare them, as readers see them, and those that pass for another one.

The ground; `authoring/fields` asks it about links, the words of links, and characters that show nothing.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, ip_address, ip_network
from pathlib import Path

import idna

_KNOWN = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_LISTS = {name: frozenset(words.split()) for name, words in _KNOWN.items() if isinstance(words, str)}

_DOCUMENTATION = [*map(ip_network, _KNOWN["documentation"])]

_DOTS = re.compile("[\u3002\uff0e\uff61]")
"""What IDNA takes for a dot (RFC 3490, section 3.1)."""
_WIDE_DOT = re.compile("(?<=[0-9A-Za-z])[\u3002\uff0e\uff61](?=[0-9A-Za-z])")
"""One between Latin letters; between others it ends a sentence."""
_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC", "BOPOMOFO", "HANGUL"})
"""Scripts written beside each other and beside Latin letters."""
_FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Letters without a shape."""
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")

_NAMED = re.compile(
    r"""(?i)[a-z]{1,9}://(?P<url>\w[^\s/?\#:<>()\[\]"'@]*)
      | (?<![\w@./-])(?P<www>www\.[\w.-]+\w)
      | (?<![\w./-])(?:[\w.+-]+@)(?P<mail>(?:[\w-]+\.)+\w{2,})
      | (?<![\w@./-])(?P<path>(?:[\w-]+\.)+(?P<end>[^\W\d_]{2,}|xn--[\w-]+))(?::\d{2,5}(?!\w)|(?::\d+)?(?:/|[?\#]\w))
    """,
    re.VERBOSE,
)
_IP = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?(?:/(?!\d{1,2}\Z)\S*)?")
"""With no length of a network after it."""
_BARE = re.compile(r"(?:[\w-]+\.)+([^\W\d_]{2,}|xn--[\w-]+)")


@dataclass(frozen=True, slots=True)
class Named:
    """A host that the words of a link name."""

    host: str
    is_certain: bool
    """Whether readers must take it for the address; `Booking.com` and `socket.io` may be products."""


def ascii_host(host: str) -> str:
    """The host in lower-case A-labels, as browsers resolve it; as it is where it cannot be written so.

    UTS 46 without transitional processing: `straße` is another host than `strasse`. Hosts that IDNA 2008 refuses and
    registries sell, such as those of emoji, are mapped without its further rules.
    """
    host = _DOTS.sub(".", unicodedata.normalize("NFKC", host)).strip(".").lower()
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        pass
    try:
        labels = idna.uts46_remap(host, std3_rules=False).split(".")
    except idna.IDNAError:
        return host
    return ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}" for label in labels)


def is_local(host: str) -> bool:
    """Whether only one machine or network knows a host: readers reach nothing there, or another host of that name.

    Addresses reserved for documentation (RFC 5737, RFC 3849) are none: examples are written with them.
    """
    name = ascii_host(host).strip("[]")
    try:
        address = ip_address(name)
    except ValueError:
        return is_below(name, _LISTS["local"])
    address = getattr(address, "ipv4_mapped", None) or address
    return not address.is_global and not any(address in network for network in _DOCUMENTATION)


def is_below(host: str, domains: Iterable[str]) -> bool:
    """Whether a host is one of these domains, or below one."""
    name = host.casefold().rstrip(".")
    return any(name == domain or name.endswith(f".{domain}") for domain in domains)


@lru_cache(4096)
def disguise(host: str) -> str:
    """What about a host makes readers take it for another one, as the end of "the host name …"; empty if nothing."""
    host = unicodedata.normalize("NFC", host)
    if found := re.search(r"%[0-9A-Fa-f]{0,2}", host):
        return f"holds {found.group()}, which hides another character"
    if found := _DOTS.search(host):
        return f"holds {found.group()}, which becomes a dot: the link leads to {ascii_host(host)}"
    if hidden := next(filter(is_unseen, host), ""):
        return f"holds U+{ord(hidden):04X}, which cannot be seen"
    if unicodedata.normalize("NFKC", host) != host:
        return f"holds characters that become others: the link leads to {ascii_host(host)}"
    last = host.rpartition(".")[2]
    if re.fullmatch(r"\d+|0[xX][0-9a-fA-F]*", last):
        try:
            IPv4Address(host)
        except AddressValueError:
            return "is a number in disguise"
    for label in map(_unicode_label, host.split(".")):
        if why := _confusable(label, last):
            return why
    return ""


def is_unseen(char: str) -> bool:
    """Whether a character shows nothing: white space, controls of format and direction, fillers."""
    if char.isspace() or char in _FILLERS:
        return True
    return unicodedata.category(char) in ("Cf", "Cc") or _SELECTORS.match(char) is not None


def shows_nothing(text: str) -> bool:
    """Whether nothing of a text can be seen."""
    return all(map(is_unseen, text))


def direction_control(text: str) -> int:
    """Where a text first holds a control that turns its letters round (Unicode UAX #9), or -1."""
    found = _DIRECTION.search(text)
    return found.start() if found else -1


def owner(host: str) -> str:
    """The part of a host that belongs to one owner: `example.co.uk` of `www.example.co.uk`."""
    labels = ascii_host(host).split(".")
    if labels[-1].isdigit():  # an IPv4 address
        return ".".join(labels)
    *_, second, last = ["", *labels]
    is_shared = f"{second}.{last}" in _LISTS["shared"] or (len(last) == 2 and second in _LISTS["second_level"])
    return ".".join(labels[-3 if is_shared else -2 :])


def named_hosts(words: str) -> Iterator[Named]:
    """The hosts that the words of a link name."""
    seen = "".join(char for char in words if char.isspace() or not is_unseen(char))
    text = unicodedata.normalize("NFKC", seen).replace("\u2044", "/").replace("\u2215", "/").strip()
    text = _WIDE_DOT.sub(".", text)
    if text.startswith("@"):  # a name in a social network
        return
    bare = _BARE.fullmatch(text.rstrip("."))
    if bare and bare[1].lower() in _LISTS["top_level"] and bare[1] != "NET":  # ASP.NET
        yield Named(bare.group(), bare[0].lower().startswith("www."))
    if address := _IP.fullmatch(text):
        yield Named(address[1], True)
    for found in _NAMED.finditer(text):
        host = next(filter(None, found.group("url", "www", "mail", "path")))
        if found["path"] is None or found["end"].lower() not in _LISTS["files"]:
            is_alone = not any(map(str.isspace, text))
            yield Named(host, is_alone or (found["path"] is None and "." in host))


def _unicode_label(label: str) -> str:
    """A label as readers see it."""
    if not label.lower().startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def _confusable(label: str, last: str) -> str:
    letters = [char for char in label.lower() if char.isalpha()]
    scripts = {unicodedata.name(char, "?").split()[0] for char in letters}
    others = scripts - _EAST_ASIAN
    if len(others) > 1 or (others - {"LATIN"} and scripts & _EAST_ASIAN):
        return f"mixes letters of several scripts in {label!r}, so that it looks like another one"
    if any("\u0250" <= char <= "\u02af" or "\u1d00" <= char <= "\u1dbf" for char in letters):
        return f"holds letters in {label!r} that look like others"
    script = next(iter(others), "")
    known = _KNOWN["lookalikes"].get(script)
    if known and last.isascii() and last not in known["countries"].split() and set(letters) <= set(known["letters"]):
        return f"holds {script.capitalize()} letters in {label!r} that look like Latin ones"
    return ""
