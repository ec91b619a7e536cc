"""Proof: the editions of an issue sent to the team before the delivery, marked as proofs, with inert links."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from pathlib import Path

from newsletter.app.composing import claim_outside, message_context, ungated, values_of
from newsletter.app.issues.examine import read_personas
from newsletter.app.project import Project
from newsletter.app.sending.propose import checked_issue
from newsletter.app.sending.relay import transport_for
from newsletter.audience.address import Address, parse_address
from newsletter.authoring.persona import Persona, choose_persona
from newsletter.compiler.edition import Edition
from newsletter.delivery.compose.envelope import address_envelope
from newsletter.delivery.compose.mould import make_mould
from newsletter.delivery.ledger.outcome import Accepted, Unknown
from newsletter.delivery.ledger.plan import ID_BYTES
from newsletter.delivery.transport import Transport
from newsletter.errors import AddressError, NotFoundError, RelayLoginError, TransportError
from newsletter.problem import Problem
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.tokens import base32

MARK = "[Proof]"
"""Begins the subject of a proof."""


@dataclass(frozen=True, slots=True)
class ProofResult:
    """The result of one proof."""

    address: str
    language: str
    is_accepted: bool | None
    """None when the connection was lost after the final dot: it may be on its way."""
    said: str
    """The relay's reply, or what went wrong before there was one."""


@dataclass(frozen=True, slots=True)
class Proofs:
    """All proofs of one issue."""

    results: tuple[ProofResult, ...]
    warnings: tuple[Problem, ...]
    """Also of what would be refused for a real relay in a delivery."""


def send_proofs(
    project: Project,
    database: Database,
    path: Path,
    addresses: Sequence[str],
    *,
    now: datetime,
    languages: Sequence[str] = (),
) -> Proofs:
    """Send every edition of an issue (or those in some languages) to each address, filled for a persona.

    The images are stored, so that `newsletter serve` shows them. Raises AddressError, what `checked_issue` raises,
    NotFoundError for a language without an edition, and TransportError when the relay judged none of them.
    """
    parsed = [_read(address) for address in addresses]
    ready = checked_issue(project, path, now=now, rehearsal=True)
    editions = _chosen(ready.editions, languages)
    for edition in editions:
        Deliveries(database).keep_assets(edition.assets)
    personas, _ = read_personas(project)
    every = [edition.language for edition in ready.editions]
    filled = [(edition, choose_persona(personas, edition.language, every)) for edition in editions]
    results = asyncio.run(_send(project, filled, parsed, now))
    return Proofs(tuple(results), ready.warnings)


def _read(address: str) -> Address:
    try:
        return parse_address(address)
    except AddressError as error:
        hint = "Give an address with --to, as in --to me@example.org"
        raise AddressError(f"A proof cannot go to {address!r}: {error}", hint=hint) from error


def _chosen(editions: Sequence[Edition], languages: Sequence[str]) -> list[Edition]:
    there = {edition.language: edition for edition in editions}
    missing = [language for language in languages if language not in there]
    if missing:
        raise NotFoundError(
            f"There is no edition in {', '.join(missing)}", hint=f"The issue has editions in {', '.join(there)}"
        )
    return [there[language] for language in languages or there]


async def _send(
    project: Project, filled: Sequence[tuple[Edition, Persona]], addresses: Sequence[Address], now: datetime
) -> list[ProofResult]:
    transport = transport_for(project.config)
    results: list[ProofResult] = []
    lost: list[TransportError] = []
    try:
        for address, (edition, persona) in product(addresses, filled):
            try:
                results.append(await _send_one(project, edition, persona, address, transport, now))
            except TransportError as error:  # the next one gets a new connection
                if isinstance(error, RelayLoginError) and not results:
                    raise  # further failed logins may lock the account
                lost.append(error)
                results.append(ProofResult(address.text, edition.language, False, str(error)))
    finally:
        await transport.close()
    if len(lost) == len(results):
        raise lost[0]
    return results


async def _send_one(
    project: Project, edition: Edition, persona: Persona, address: Address, transport: Transport, now: datetime
) -> ProofResult:
    names = {"proof": project.identity.newsletter or "proof"}
    context = message_context(project, names, mark=MARK, is_signed=True)
    claim = claim_outside(
        "proof",
        recipient=base32(secrets.token_bytes(ID_BYTES)),  # a proof is another message each time it is sent
        address=address.text,
        language=edition.language,
        values=values_of(persona),
        now=now,
    )
    message = make_mould(edition, context).cast(claim)
    outcome = await transport.send(address_envelope(claim, context), message, ungated)
    if isinstance(outcome, Unknown):
        return ProofResult(address.text, edition.language, None, outcome.reason)
    return ProofResult(address.text, edition.language, isinstance(outcome, Accepted), str(outcome.reply))
