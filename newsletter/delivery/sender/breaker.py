"""Breaker: halts a delivery, or a provider's share, that is refused for our reasons or cannot be composed. No I/O."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace

from newsletter.delivery.ledger.classification import Scope, Stage
from newsletter.delivery.ledger.ledger import Claim
from newsletter.delivery.ledger.outcome import Accepted, Rejected, Reply
from newsletter.delivery.ledger.providers import share_of
from newsletter.delivery.sender.handover import Handover

MOST_REFUSALS = 20
"""Recipients refused for our reasons, none accepted in between, before a provider's share halts, or the delivery where
it is about the relay: continuing damages the sender's reputation. Not in a row, if they are more than one in twenty."""

MOST_AT_MAIL = 3
"""The same before any recipient was named: the next message would fail the same way."""

MOST_ALIKE = 20
"""Recipients rejected with the same reply, none accepted in between, before a delivery halts: a limit of ours in words
that `classification` does not know looks like this."""

MOST_UNRENDERED = 20
"""Messages that cannot be composed before a delivery halts, if they are more than one in a hundred."""


_SAME_REPLY = " recipients in a row were rejected with the same reply: "
_ADVICE = " — if it is about their addresses, resume: the delivery continues with the others"
"""Before and after the reply in the reason of such a halt."""


@dataclass(frozen=True, slots=True)
class Halt:
    """What must be halted, and why."""

    reason: str
    share: str = ""
    """Of which provider; empty: the whole delivery."""


@dataclass(slots=True)
class _Refusals:
    """Of one share. Recipients, not refusals: one message that is refused again and again must not stop the others."""

    refused: set[str] = field(default_factory=set)
    in_a_row: set[str] = field(default_factory=set)
    accepted: int = 0

    def add(self, recipient: str) -> bool:
        """Whether that is enough."""
        self.refused.add(recipient)
        self.in_a_row.add(recipient)
        many = len(self.refused)
        is_large_part = many >= MOST_REFUSALS and many * 20 > self.accepted + many
        return is_large_part or len(self.in_a_row) >= MOST_REFUSALS


class Breaker:
    """Any number of deliveries; the counts are those of one worker since a delivery was started or resumed."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()
        self._unrendered: Counter[str] = Counter()
        self._refused: defaultdict[str, defaultdict[str, _Refusals]] = defaultdict(lambda: defaultdict(_Refusals))
        """By delivery and share; the empty one is the relay."""
        self._open_shares: set[tuple[str, str]] = set()
        self._accepted: set[tuple[str, str]] = set()
        self._alike: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        """By delivery and reply, the recipients rejected since the last accepted message."""
        self._resumed_after: dict[str, set[str]] = {}
        """By delivery, the replies with which an operator let it continue."""
        self._open: set[str] = set()
        self._halted: set[str] = set()

    def is_open(self, delivery: str) -> bool:
        """Whether no further message of a delivery may be begun."""
        return delivery in self._open

    def has_accepted(self, claim: Claim) -> bool:
        """Whether this worker had a message to the same provider accepted. Of a domain that no provider's table names,
        any other such recipient is a neighbour: a domain of two or three readers has none of its own."""
        return (claim.delivery, claim.provider) in self._accepted

    def open_share(self, delivery: str, share: str) -> bool:
        """Halt a share. False when it is halted already."""
        is_new = (delivery, share) not in self._open_shares
        self._open_shares.add((delivery, share))
        return is_new

    def release(self, delivery: str, share: str) -> None:
        """An operator released a share: its counts start at zero."""
        self._open_shares.discard((delivery, share))
        self._refused[delivery].pop(share, None)

    def is_halted(self, delivery: str) -> bool:
        """Whether the ledger has stored the halt: from then on only a delivery that was resumed yields claims."""
        return delivery in self._halted

    def note(self, result: Handover) -> Halt | None:
        """Count how a hand-over ended. Returns what must be halted now."""
        claim, outcome = result.settlement.claim, result.settlement.outcome
        if claim.delivery in self._open:
            return None
        share = share_of(claim.provider, claim.address)
        if isinstance(outcome, Rejected) and outcome.is_policy and outcome.scope is Scope.PROVIDER:
            is_much = self._refused[claim.delivery][share].add(claim.recipient)
            return Halt(_refused_reason(outcome), share) if is_much and self.open_share(claim.delivery, share) else None
        self._begun[claim.delivery] += 1
        reason = result.halt
        if result.is_unrendered:
            unrendered = self._unrendered[claim.delivery] = self._unrendered[claim.delivery] + 1
            if unrendered > MOST_UNRENDERED and unrendered * 100 > self._begun[claim.delivery]:
                reason = f"{unrendered} messages could not be composed, the last because: {result.trouble}"
        if isinstance(outcome, Rejected) and outcome.is_policy:
            of_us = self._refused[claim.delivery][""]
            is_much = of_us.add(claim.recipient)
            if is_much or (outcome.stage is Stage.MAIL and len(of_us.in_a_row) >= MOST_AT_MAIL):
                reason = _refused_reason(outcome, result.return_path)
        elif isinstance(outcome, Rejected) and outcome.scope is Scope.MAILBOX:
            reply = _without_local_part(outcome.reply, claim)
            alike = self._alike[claim.delivery][_without_details(reply)]
            alike.add(claim.recipient)
            is_known = _without_details(reply) in self._resumed_after.get(claim.delivery, ())
            if len(alike) >= MOST_ALIKE and not is_known:
                reason = f"{MOST_ALIKE}{_SAME_REPLY}{reply}{_ADVICE}"
        elif isinstance(outcome, Accepted):
            self._alike.pop(claim.delivery, None)
            self._accepted.add((claim.delivery, claim.provider))
            refused = self._refused[claim.delivery]
            for one in ("", share):
                if one in refused or not one.startswith("@"):  # there may be very many domains
                    refused[one].accepted += 1
                    refused[one].in_a_row.clear()
        if reason:
            self._open.add(claim.delivery)
        return Halt(reason) if reason else None

    def halted(self, delivery: str) -> None:
        """The ledger has stored the halt."""
        self._halted.add(delivery)

    def has_begun(self, delivery: str) -> bool:
        """Whether `begin` was called for a delivery."""
        return delivery in self._resumed_after

    def begin(self, delivery: str, resumed_after: str = "") -> None:
        """The delivery was started or resumed: its counts start at zero.

        `resumed_after`: the reasons of earlier halts, one a line. It does not halt again for the same reply.
        """
        replies = [line.partition(_SAME_REPLY)[2].removesuffix(_ADVICE) for line in resumed_after.splitlines()]
        self._resumed_after[delivery] = {_without_details(reply) for reply in replies if reply}
        self._open.discard(delivery)
        self._halted.discard(delivery)
        for counts in (self._begun, self._unrendered, self._refused, self._alike):
            counts.pop(delivery, None)
        self._open_shares = {key for key in self._open_shares if key[0] != delivery}


def _refused_reason(refusal: Rejected, return_path: str = "") -> str:
    if refusal.stage is Stage.MAIL:
        return f"the relay refuses the return path {return_path}: {refusal.reply}"
    return f"recipients were refused, not because of their addresses ({refusal.classification}): {refusal.reply}"


def _without_local_part(reply: Reply, claim: Claim) -> str:
    """A reply as text, without the recipient's local part."""
    text = re.sub(rf"(?<!\w){re.escape(claim.address.rpartition('@')[0])}(?!\w)", "…", reply.text)
    return str(replace(reply, text=text))


def _without_details(reply: str) -> str:
    """A reply without what differs from message to message: words with digits, but for its codes."""
    codes = re.match(r"[0-9]{3}( [245]\.[0-9]+\.[0-9]+)?", reply)
    end = codes.end() if codes else 0
    return reply[:end] + re.sub(r"[^ ]*[0-9][^ ]*", "…", reply[end:])
