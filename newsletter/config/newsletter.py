"""The periodical, and what its readers meet: `[newsletter]`, `[public]`, `[signup]`, `[privacy]`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import Field, field_validator

from newsletter.config.section import Duration, Section, Texts, at_least, known_zone
from newsletter.language import language_tag

_PUBLIC_URL = re.compile(
    r"((?i:https?))://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?"
)
_OLD_PATH = re.compile(r"/[A-Za-z0-9_.-]+(/(:[a-z]+|[A-Za-z0-9_.-]+))+")


class NewsletterSection(Section):
    """The periodical and who sends it."""

    name: str = ""
    """The newsletter's name, as readers know it."""
    description: str = ""
    """What readers get, in a sentence or two; shown on the front page."""
    from_: str = Field(default="", alias="from")
    """The sender: `"Name <address>"` or an address."""
    reply_to: str = ""
    """Where replies go; empty: to the sender."""
    legal_name: str = ""
    """Who is responsible by law; shown in the footer."""
    postal_address: str = ""
    """A postal address; most countries require one in every email. Shown in the footer."""
    contact: str = ""
    """An address or URL for readers with questions."""
    imprint: str = ""
    """URL of the legal notice, where the law requires one."""
    frequency: str = ""
    """How often an issue comes, such as `"every Thursday"`; in `language`. Shown where readers sign up."""
    privacy: str = ""
    """URL of the privacy page. Shown where readers sign up."""
    language: str = "en"
    """The language of public pages when neither the email nor the browser names one; and of a new issue, where
    `issues/defaults.yaml` has none."""
    timezone: str = "UTC"
    """The time zone of `--at` without `--timezone`."""

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return known_zone(value)

    @field_validator("language")
    @classmethod
    def _language(cls, value: str) -> str:
        tag = language_tag(value)
        if tag is None:
            raise ValueError(f"{value!r} is no language tag; one looks like en or pt-BR")
        return tag


class PublicSection(Section):
    """The public pages."""

    url: str = "http://localhost:8000"
    """Where readers reach `newsletter serve`; links and images in emails begin with it."""
    legacy: Texts = ()
    """Paths of unsubscribe links in emails of the tool you came from, where its host is this one now:
    `["/subscription/:campaign/:subscriber"]` for listmonk. `:subscriber` stands for the id that the import kept as
    `link_id`, another word with a colon for anything."""

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        match = _PUBLIC_URL.fullmatch(value)
        if not match:
            raise ValueError(
                "this must be an http(s) URL in ASCII without user name and query, such as https://news.example.org"
            )
        return match[1].lower() + value[match.end(1) :].rstrip("/")

    @field_validator("legacy")
    @classmethod
    def _paths(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for path in value:
            words = re.findall(r":([a-z]+)", path)
            if not _OLD_PATH.fullmatch(path) or words.count("subscriber") != 1 or len({*words}) != len(words):
                raise ValueError(f"{path!r} is no path like /subscription/:campaign/:subscriber")
        return value


class SignupSection(Section):
    """Sign-up by the form at `/subscribe`."""

    per_network: int = Field(default=20, ge=1)
    """Requests of one network (IPv4 /24, IPv6 /48) in an hour; what is over is not stored."""
    per_hour: int = Field(default=1000, ge=1)
    """Emails that answer sign-ups in an hour; what is over waits. One address gets one a day."""
    keep_network: bool = False
    """Keep the network of a request as a part of the proof of consent."""
    pending: Annotated[Duration, at_least("7d")] = timedelta(days=30)
    """How long a request that was not confirmed is kept."""


class PrivacySection(Section):
    """How long personal data is kept."""

    proof_retention: int = Field(default=3, ge=0, le=30)
    """Years for which the proof of a consent is kept after its subscriber was erased, from the end of that year."""
