"""Link words: whether what readers click names another host than the one it leads to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import BaseModel

from newsletter.authoring.fields.shape import Shape, shape_of, walk
from newsletter.authoring.fields.values import Role
from newsletter.hostname import ascii_host, named_hosts, owner
from newsletter.problem import Problem, Severity
from newsletter.source import Node

HINT = "Name the host that the link leads to, or write words without a host name."


@dataclass(frozen=True, slots=True)
class Misleading:
    """Words that name another host than their link leads to."""

    message: str
    severity: Severity


def misleading(words: str, url: str) -> Misleading | None:
    """What is wrong with the words of a link to `url`; a host and its subdomains count as one."""
    host = _host(url)
    if not host:
        return None
    for named in named_hosts(words):
        if owner(named.host) != owner(host):
            message = f"the words name {named.host}, the link leads to {ascii_host(host)}"
            is_above = ascii_host(host).endswith(f".{ascii_host(named.host)}")  # a hosted site, named by its host
            return Misleading(message, Severity.ERROR if named.is_certain and not is_above else Severity.WARNING)
    return None


def misleading_links(root: Node, model: type[BaseModel]) -> Iterator[Problem]:
    """Links of a file whose words have a key of their own: buttons, titles, names, pictures.

    The words may be those of a translation, so this takes a translation and its issue as one tree.
    """
    for shape, node in walk(root, shape_of(model)):
        known = shape.fields(node) if node.mapping else {}
        roles = {key: known[key].of(child) for key, child in node.mapping.items() if key in known}
        url = next((node.mapping[key].text for key, of in roles.items() if of.role is Role.URL), "")
        for words in _plain_words(node, roles) if url else ():
            if found := misleading(words.text, url):
                yield words.problem("misleading-link", found.message, hint=HINT, severity=found.severity)


def _plain_words(node: Node, shapes: Mapping[str, Shape]) -> Iterator[Node]:
    """The plain words beside a link that lead there; a name may have one form per language."""
    for key, shape in shapes.items():
        if key == "label":  # shown above a title, no part of its link
            continue
        if shape.role in (Role.FACT, Role.WORDS):
            yield node.mapping[key]
        elif shape.inner is not None and shape.inner.role in (Role.FACT, Role.WORDS):
            yield from node.mapping[key].mapping.values()


def _host(url: str) -> str:
    """The host of a link; empty where it is not known."""
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname or ""
    except ValueError:
        return ""
    if parts.scheme == "mailto":
        host = parts.path.partition(",")[0].rpartition("@")[2]
    return host if "." in host else ""
