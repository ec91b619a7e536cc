"""Breaker: halts a delivery whose messages are refused for our reasons or cannot be composed. Counts, no I/O."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from newsletter.delivery.ledger.ledger import Claim
from newsletter.delivery.ledger.outcome import Accepted, Rejected, Reply
from newsletter.delivery.sender.handover import Handover

MOST_REFUSALS = 20
"""Recipients refused for our reasons before a delivery halts: continuing damages the sender's reputation."""

MOST_ALIKE = 20
"""Recipients rejected with the same reply, none accepted in between, before a delivery halts: a limit of ours in words
that `classification` does not know looks like this."""

MOST_UNRENDERED = 20
"""Messages that cannot be composed before a delivery halts, if they are more than one in a hundred."""


class Breaker:
    """Any number of deliveries; the counts are those of one worker since a delivery was started or resumed."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()
        self._unrendered: Counter[str] = Counter()
        # Recipients, not refusals: one message that is refused again and again must not stop the others.
        self._refused: defaultdict[str, set[str]] = defaultdict(set)
        self._alike: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        """By delivery and reply, the recipients rejected since the last accepted message."""
        self._open: set[str] = set()
        self._halted: set[str] = set()

    def is_open(self, delivery: str) -> bool:
        """Whether no further message of a delivery may be begun."""
        return delivery in self._open

    def is_halted(self, delivery: str) -> bool:
        """Whether the ledger has stored the halt: from then on only a delivery that was resumed yields claims."""
        return delivery in self._halted

    def note(self, result: Handover) -> str:
        """Count how a hand-over ended. Returns why its delivery must be halted now; empty if it need not."""
        claim, outcome = result.settlement.claim, result.settlement.outcome
        if claim.delivery in self._open:
            return ""
        self._begun[claim.delivery] += 1
        reason = result.halt
        if result.is_unrendered:
            unrendered = self._unrendered[claim.delivery] = self._unrendered[claim.delivery] + 1
            if unrendered > MOST_UNRENDERED and unrendered * 100 > self._begun[claim.delivery]:
                reason = f"{unrendered} messages could not be composed, the last because: {result.trouble}"
        if isinstance(outcome, Rejected) and outcome.classification.blame == "ours":
            refused = self._refused[claim.delivery]
            refused.add(claim.recipient)
            if len(refused) >= MOST_REFUSALS:
                reason = (
                    f"{MOST_REFUSALS} recipients were refused, not because of their addresses"
                    f" ({outcome.classification}): {outcome.reply}"
                )
        elif isinstance(outcome, Rejected):
            alike = self._alike[claim.delivery][_without_details(outcome.reply, claim)]
            alike.add(claim.recipient)
            if len(alike) >= MOST_ALIKE:
                reason = (
                    f"{MOST_ALIKE} recipients in a row were rejected with the same reply: {outcome.reply}"
                    " — if it is about their addresses, resume: the delivery continues with the others"
                )
        elif isinstance(outcome, Accepted):
            self._alike.pop(claim.delivery, None)
        if reason:
            self._open.add(claim.delivery)
        return reason

    def halted(self, delivery: str) -> None:
        """The ledger has stored the halt."""
        self._halted.add(delivery)

    def reset(self, delivery: str) -> None:
        """An operator resumed the delivery: its counts start at zero again."""
        self._open.discard(delivery)
        self._halted.discard(delivery)
        for counts in (self._begun, self._unrendered, self._refused, self._alike):
            counts.pop(delivery, None)


def _without_details(reply: Reply, claim: Claim) -> str:
    """A reply without what differs from message to message: words with digits, and the recipient's local part."""
    text = re.sub(rf"(?<!\w){re.escape(claim.address.rpartition('@')[0])}(?!\w)", "…", reply.text)
    return f"{reply.code} {reply.enhanced} {re.sub(r'[^ ]*[0-9][^ ]*', '…', text)}"
