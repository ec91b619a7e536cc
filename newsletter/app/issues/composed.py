"""Composed: the messages of an edition for personas: what `build` writes, and what `check` looks at."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time

from newsletter.app.composing import claim_outside, message_context, values_of
from newsletter.app.project import Project
from newsletter.audience.address import parse_address
from newsletter.authoring.issue import Issue
from newsletter.authoring.persona import BUILT_IN, Persona
from newsletter.compiler.conditions.formulas import SEPARATORS
from newsletter.compiler.edition import Edition
from newsletter.compiler.fingerprint import fingerprint
from newsletter.delivery.compose.message import MessageContext, merge_values
from newsletter.delivery.compose.mould import make_mould
from newsletter.delivery.ledger.ledger import Claim
from newsletter.delivery.ledger.plan import ID_BYTES
from newsletter.errors import AddressError, ComposeError
from newsletter.language import best_match
from newsletter.problem import Place, Problem, Severity
from newsletter.tokens import base32


def context_of(project: Project, edition: Edition) -> MessageContext:
    """What messages outside of any delivery share."""
    return message_context(project, {"build": edition.identity.newsletter or "build"})


def claim_of(issue: Issue, edition: Edition, persona: Persona) -> Claim:
    """The persona as a recipient at the issue's date: nothing depends on when it is composed. Raises AddressError."""
    return claim_outside(
        "build",
        recipient=base32(bytes.fromhex(fingerprint(edition.issue, edition.language, persona.id))[:ID_BYTES]),
        address=parse_address(persona.email or BUILT_IN.email).text,
        language=edition.language,
        values=values_of(persona),
        now=datetime.combine(issue.original.date, time(), tzinfo=UTC),
    )


def cannot_compose(file: str, persona: Persona, error: ComposeError | AddressError) -> Problem:
    """The problem of a message that could not be made."""
    return Problem("compose", f"for the persona {persona.id!r}: {error}", Place(file), hint=error.hint)


def check_variants(
    project: Project, issue: Issue, file: str, editions: Mapping[str, Edition], personas: Sequence[Persona]
) -> Iterator[Problem]:
    """What each persona would get of editions that are not the same for everybody: a message, with something in it."""
    languages = list(editions)
    for persona in personas:
        edition = editions[best_match([persona.language or ""], languages) or languages[0]] if languages else None
        if edition is None or not edition.conditions:
            continue
        try:
            make_mould(edition, context_of(project, edition)).cast(claim_of(issue, edition, persona))
        except (ComposeError, AddressError) as error:
            yield cannot_compose(file, persona, error)
        shown = edition.shown(merge_values(values_of(persona), persona.email, unsubscribe="", view=""))
        true = {condition.source for condition, holds in zip(edition.conditions, shown, strict=True) if holds}
        content = issue.contents[edition.language]
        said = (block for block in content.blocks if block.type not in SEPARATORS)
        if not any(not block.show_if or block.show_if in true for block in said):
            message = f"the persona {persona.id!r} would get an email without any block"
            hint = "Add a block for everybody, or send the issue to a segment."
            yield Problem("empty-edition", message, content.place("blocks"), Severity.WARNING, "blocks", hint)
