"""DSN: an email server tells that a message could not be delivered (RFC 3464), or says so in words of its own."""

import re
from collections.abc import Mapping

from newsletter.delivery.ledger.classification import Classification, Stage, classify
from newsletter.delivery.ledger.outcome import Reply, read_reply
from newsletter.feedback.found import Found, ReturnKind
from newsletter.feedback.rules import pattern, rules
from newsletter.feedback.sources.parts import Parts

_CODE = re.compile(r"(?:^|[:;>\n]\s*)([45]\d\d)(?=[ :-])")
_STATUS = re.compile(r"(?<![\d.])([45])(\.\d{1,3}\.\d{1,3})(?!\.?\d)")
_REPEATED = re.compile(r"(?<=\s)[45]\d\d[ -](?:[45]\.\d{1,3}\.\d{1,3}\s)?")
"""The code of each further line of one reply, as gateways join them."""
_LONGEST = 2000
_CERTAIN, _MAYBE = 599, 499
"""Stand for a code that nobody wrote; no rule names them."""


def read_bounce(parts: Parts) -> Found:
    """What a bounce, or another automatic email, says. Unmatched when it is none that we recognise."""
    groups = [one for one in parts.status if "action" in one or "final-recipient" in one]
    if groups:
        return _of_status(groups, parts.text)
    if (found := _of_text(parts)) is not None:
        return found
    if any(pattern("auto_reply", name).search(parts.fields.get(name, "")) for name in rules()["auto_reply"]):
        return Found(ReturnKind.IGNORED, "auto-reply")
    return Found(ReturnKind.UNMATCHED, "not recognised")


def _of_status(groups: list[Mapping[str, str]], text: str) -> Found:
    """Of several recipients the one that failed: each of our messages has a single one."""
    group = next((one for one in groups if _action(one) == "failed"), groups[0])
    action = _action(group)
    if action != "failed":
        return Found(ReturnKind.IGNORED, "delayed" if action == "delayed" else "delivered")
    said = group.get("diagnostic-code", "")[:_LONGEST]
    said = said.partition(";")[2].strip() if ";" in said else said
    return _refused(said, group.get("status", ""), _stage(said) or _stage(text) or Stage.RCPT)


def _action(group: Mapping[str, str]) -> str:
    written = group.get("action", "").split(maxsplit=1)
    return written[0].lower() if written else "failed" if group.get("status", "").strip()[:1] in ("4", "5") else ""


def _of_text(parts: Parts) -> Found | None:
    """A bounce in words alone, which may be marked as automatic, too; None when it is none. Only what is before the
    copy of our message is its own."""
    copy = pattern("text", "copy").search(parts.text)
    said = parts.text[: copy.start()] if copy else parts.text
    said = said.strip()[:_LONGEST]
    sender, subject = parts.fields.get("from", ""), parts.fields.get("subject", "")
    known = (("from", sender), ("subject", subject), ("begins", said))
    is_known = "x-failed-recipients" in parts.fields or any(pattern("text", key).search(text) for key, text in known)
    if not is_known or pattern("auto_reply", "subject").search(subject):
        return None
    is_late = any(pattern("text", "delayed").search(text) for text in (subject, said))
    if is_late and not pattern("text", "final").search(said):
        return Found(ReturnKind.IGNORED, "delayed")
    return _refused(_paragraph(said), "", _stage(said) or Stage.RCPT)


def _paragraph(said: str) -> str:
    """The words of the server that refused: with a code or status, else those about an address."""
    paragraphs = re.split(r"\n[ \t]*\n", said)
    for sign in (_CODE, _STATUS, re.compile("@")):
        for number, one in enumerate(paragraphs):
            if sign.search(one):
                is_alone = sign.pattern == "@" and "\n" not in one.strip() and number + 1 < len(paragraphs)
                return f"{one}\n{paragraphs[number + 1]}" if is_alone else one
    return said


def _stage(text: str) -> Stage | None:
    return next((Stage[name] for name in rules()["stages"] if pattern("stages", name).search(text)), None)


def _refused(said: str, status: str, stage: Stage) -> Found:
    """A refusal in the words of a server, with the status that the delivery status gives."""
    reply = _reply(said, status)
    about = classify(stage, reply.code, reply.enhanced, reply.text)
    is_certain = reply.code // 100 == 5 and not status.strip().startswith("4")
    return Found(_kind(about, is_certain=is_certain), about.value, _shown(reply))


def _reply(said: str, status: str) -> Reply:
    """The server's own code and status where it gave any, else those of the delivery status."""
    code, own, given = _CODE.search(said), _STATUS.search(said), _STATUS.search(status)
    number = int(code[1]) if code else 0
    found = own or given
    if own and code and own[1] != code[1][0]:
        found = given
    if not number:
        number = _MAYBE if found and found[1] == "4" else _CERTAIN
    text = said[code.end() :] if code else said
    text = _REPEATED.sub("", text.strip(" -:"))
    enhanced = f"{number // 100}{found[2]}" if found else ""
    read = read_reply(
        [f"{number} {enhanced} {' '.join(text.removeprefix(found[0] if found else '').split())}".encode()]
    )
    printable = "".join(character if character.isprintable() else " " for character in read.text)
    return Reply(number, enhanced, printable.strip())


def _shown(reply: Reply) -> str:
    code = "" if reply.code in (_CERTAIN, _MAYBE) else str(reply.code)
    return " ".join(part for part in (code, reply.enhanced, reply.text) if part)


def _kind(about: Classification, *, is_certain: bool) -> ReturnKind:
    kinds = rules()["kinds"]
    if about in kinds["hard"]:
        return ReturnKind.HARD if is_certain else ReturnKind.SOFT
    return ReturnKind.SOFT if about in kinds["soft"] else ReturnKind.OURS
