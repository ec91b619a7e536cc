"""Breaker: halts a delivery whose messages are refused for our reasons or cannot be composed. Counts, no I/O."""

import re
from collections import Counter, defaultdict
from dataclasses import replace

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


_SAME_REPLY = " recipients in a row were rejected with the same reply: "
_ADVICE = " — if it is about their addresses, resume: the delivery continues with the others"
"""Before and after the reply in the reason of such a halt."""


class Breaker:
    """Any number of deliveries; the counts are those of one worker since a delivery was started or resumed."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()
        self._unrendered: Counter[str] = Counter()
        # Recipients, not refusals: one message that is refused again and again must not stop the others.
        self._refused: defaultdict[str, set[str]] = defaultdict(set)
        self._alike: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        """By delivery and reply, the recipients rejected since the last accepted message."""
        self._resumed_after: dict[str, set[str]] = {}
        """By delivery, the replies with which an operator let it continue."""
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
            reply = _without_local_part(outcome.reply, claim)
            alike = self._alike[claim.delivery][_without_details(reply)]
            alike.add(claim.recipient)
            is_known = _without_details(reply) in self._resumed_after.get(claim.delivery, ())
            if len(alike) >= MOST_ALIKE and not is_known:
                reason = f"{MOST_ALIKE}{_SAME_REPLY}{reply}{_ADVICE}"
        elif isinstance(outcome, Accepted):
            self._alike.pop(claim.delivery, None)
        if reason:
            self._open.add(claim.delivery)
        return reason

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


def _without_local_part(reply: Reply, claim: Claim) -> str:
    """A reply as text, without the recipient's local part."""
    text = re.sub(rf"(?<!\w){re.escape(claim.address.rpartition('@')[0])}(?!\w)", "…", reply.text)
    return str(replace(reply, text=text))


def _without_details(reply: str) -> str:
    """A reply without what differs from message to message: words with digits, but for its codes."""
    codes = re.match(r"[0-9]{3}( [245]\.[0-9]+\.[0-9]+)?", reply)
    end = codes.end() if codes else 0
    return reply[:end] + re.sub(r"[^ ]*[0-9][^ ]*", "…", reply[end:])
