"""ARF: a provider tells that a reader marked our message as unwanted (RFC 5965), or reports something else."""

from newsletter.feedback.found import Found, ReturnKind
from newsletter.feedback.rules import rules
from newsletter.feedback.sources.parts import Parts, fields_of


def read_complaint(parts: Parts) -> Found | None:
    """What a feedback report says; None when the email is none."""
    of_provider = rules()["complaints"]["fields"]
    if parts.report is None:
        is_marked = not parts.status and any(name in fields_of(parts.returned) for name in of_provider)
        return Found(ReturnKind.COMPLAINT, "abuse") if is_marked else None
    kind = parts.report.get("feedback-type", "").partition("\n")[0].partition(";")[0].strip().lower()
    if kind in rules()["complaints"]["types"]:
        return Found(ReturnKind.COMPLAINT, kind)
    return Found(ReturnKind.IGNORED, "report")
