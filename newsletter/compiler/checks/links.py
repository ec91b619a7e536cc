"""Links: where they lead, that HTML and text have the same ones, and that every reader can unsubscribe."""

import re
from collections.abc import Iterator
from html import escape

from newsletter.authoring.fields.url import normalise_url, url_fault
from newsletter.compiler.edition import Edition
from newsletter.problem import Place, Problem, Severity

_ENDS = ".,;:!?)]}'*_~|"
_URL = re.compile(r"https?://[^\s<>\"，。、；：！？（）「」『』【】《》〈〉]+")


def check_links(edition: Edition, place: Place, template: Place, *, home: str) -> Iterator[Problem]:
    """`place` is the issue's; `template` is the layout's, for links that no author wrote.

    `home`: where our own pages begin, which may be this machine until a real relay is used.
    """
    own = {name: _marker(edition, name) for name in ("unsubscribe", "view")}
    for link in edition.links:
        fault = None if link.url in own.values() or link.url.startswith(home) else url_fault(link.url)
        if fault:
            yield Problem("bad-link", f"{fault.message} ({edition.readable(link.url)})", template, hint=fault.hint)
    yield from _own_links(edition, own, template)
    yield from _parity(edition, own, place)


def _own_links(edition: Edition, own: dict[str, str], template: Place) -> Iterator[Problem]:
    for name, marker in own.items():
        in_html = sum(link.url == marker for link in edition.links) if marker else 0
        in_text = edition.text.count(marker) if marker else 0
        for part, count in (("HTML", in_html), ("text", in_text)):
            if not count:
                yield Problem(
                    id=f"missing-{name}-link",
                    message=f"the {part} of the {edition.language} edition has no {name} link",
                    place=template,
                    hint=f"The layout must hold a link to {{{{ links.{name} }}}}",
                )
        if name == "unsubscribe" and in_html > 1:
            yield Problem(
                id="second-unsubscribe-link",
                message=f"{in_html} links of the {edition.language} edition unsubscribe; forwarding gives them away",
                place=template,
                severity=Severity.WARNING,
                hint="Keep the one in the footer",
            )


def _parity(edition: Edition, own: dict[str, str], place: Place) -> Iterator[Problem]:
    """A link that only one of the two parts has is a link that some readers do not get."""
    in_html = {link.url for link in edition.links} - set(own.values())
    in_text = set(_URL.findall(edition.text))
    travelling = {normalise_url(url) for url in in_text}  # the text shows a host as its author wrote it
    for url in sorted(in_html):
        if re.sub(r"^(?:mailto:|tel:|http://(?=www\.))", "", url) not in edition.text and url not in travelling:
            yield _only_in("HTML", "text", edition, url, place)
    for url in sorted(in_text):
        same = {url, url.rstrip(_ENDS), normalise_url(url), normalise_url(url.rstrip(_ENDS))}
        if not in_html & same and escape(url.rstrip(_ENDS)) not in edition.html:  # code shows URLs as words
            yield _only_in("text", "HTML", edition, url, place)


def _only_in(one: str, other: str, edition: Edition, url: str, place: Place) -> Problem:
    return Problem(
        id="link-parity",
        message=f"{edition.readable(url)} is linked in the {one} of the {edition.language} edition, not in the {other}",
        place=place,
        severity=Severity.WARNING,
    )


def _marker(edition: Edition, name: str) -> str:
    """The marker of a whole link of the recipient's own; empty where the edition has none."""
    return next((slot.marker for slot in edition.slots if slot.field.path == ("link", name)), "")
