"""Leaks: the project's own secrets, looked for in everything that is about to be shown, built or sent."""

import base64
import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from urllib.parse import unquote

from newsletter.app.keys import FILE, dkim_pems
from newsletter.app.project import Project
from newsletter.authoring.persona import Persona
from newsletter.compiler.edition import Edition
from newsletter.config import secret_values
from newsletter.errors import ConfigError
from newsletter.problem import Place, Problem
from newsletter.source import Source

MIN_LENGTH = 8
"""A shorter secret may be any word of an email."""
_RULE = "secret"
_HINT = "Remove it, then replace the secret: it may have been seen. If it is an ordinary word, take a better password."
_UNSHOWN = "(not shown: a secret of this project stands here)"


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets of a project. Problems name them by their key in the configuration, never by their value."""

    values: Mapping[str, str] = field(repr=False)
    """What must not be found → the key it belongs to."""

    def key_in(self, *parts: str) -> str:
        """The key of a secret that one of these texts contains, also escaped or broken into lines; else empty."""
        written = "\n".join(parts)
        forms = {" ".join(form.split()) for form in (written, html.unescape(written), unquote(written))}
        return next((key for value, key in self.values.items() if any(value in form for form in forms)), "")

    def check_edition(self, edition: Edition, place: Place) -> Problem | None:
        """The problem of an edition that holds a secret, in whatever part of it."""
        links = (text for link in (*edition.links, *edition.page_links) for text in (link.url, link.label))
        identity = (str(getattr(edition.identity, one.name)) for one in fields(edition.identity))
        images = (asset.data.decode("latin-1") for asset in edition.assets)
        parts = (
            edition.title, edition.subject, edition.preheader, edition.html, edition.page, edition.text, edition.mjml,
        )  # fmt: skip
        key = self.key_in(*parts, *links, *identity) or next(filter(None, map(self._key_in_bytes, images)), "")
        return _leak(f"the {edition.language} edition contains", key, place) if key else None

    def check_persona(self, persona: Persona, place: Place) -> Problem | None:
        """The problem of a persona with a secret among its values, which previews and built emails show."""
        key = self.key_in(persona.name, persona.email, *persona.attributes.values())
        return _leak(f"the persona {persona.id!r} holds", key, place) if key else None

    def check_source(self, source: Source) -> Problem | None:
        """The problem of a file in which a secret was written, at its place."""
        for value, key in self.values.items():
            if (at := source.text.find(value)) >= 0:
                return _leak("this is", key, source.place(at))
        return None

    def mask(self, problems: Iterable[Problem]) -> list[Problem]:
        """The problems without secrets: a line that is quoted may hold one."""
        return [self._masked(problem) for problem in problems]

    def _masked(self, problem: Problem) -> Problem:
        def shown(text: str) -> str:
            return _UNSHOWN if text and self.key_in(text) else text

        if problem.id == _RULE:
            return replace(problem, quote=shown(problem.quote))
        message, path, hint, quote = map(shown, (problem.message, problem.path, problem.hint, problem.quote))
        return replace(problem, message=message, path=path, hint=hint, quote=quote)

    def _key_in_bytes(self, text: str) -> str:
        return next((key for value, key in self.values.items() if value in text), "")


def _leak(what: str, key: str, place: Place) -> Problem:
    return Problem(_RULE, f"{what} a secret of this project, {key}", place, hint=_HINT)


def secrets_of(project: Project) -> Secrets:
    """What `secret.toml` and the configuration keep secret; nothing is made that is not there."""
    named = secret_values(project.config)
    try:
        keys = project.keys if project.has_keys else None
    except ConfigError:  # a damaged file is told by `newsletter doctor`
        keys = None
    if keys is not None:
        raw = {f"{FILE}: address_key": keys.address}
        raw |= {f"{FILE}: the secret of signing key {key.id}": key.secret for key in keys.signing}
        texts = {name: base64.b64encode(secret).decode().rstrip("=") for name, secret in raw.items()}
        named |= texts | {f"{name} ": text.replace("+", "-").replace("/", "_") for name, text in texts.items()}
    pems = dkim_pems(project.folder) | {"dkim.private_keys": named.pop("dkim.private_keys", "")}
    for name, pem in pems.items():  # line by line, as any of them is a good part of the key
        lines = pem.replace("\\n", "\n").splitlines()
        named |= {f"{name}{' ' * number}": line for number, line in enumerate(lines) if not line.startswith("-")}
    return Secrets({value: key.strip() for key, value in named.items() if len(value) >= MIN_LENGTH})
