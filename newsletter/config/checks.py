"""Which problems stop a send: `[checks]`."""

from pydantic import field_validator

from newsletter.config.section import Section, Texts
from newsletter.problem import rules


class ChecksSection(Section):
    """What checks report, and what a send lets pass."""

    ignore: Texts = ()
    """Ids of warnings that are not reported, as in `["long-subject"]`; see the checks. In the environment: separated by
    commas. For one place, write a comment on its line: `# check: ignore long-subject`.
    """
    error: Texts = ()
    """Ids of warnings that are errors in this project, and so stop a send."""
    allow_oversized: Texts = ()
    """Slugs of issues that may exceed 99,000 bytes of HTML. Gmail cuts them off and hides what follows, also the
    unsubscribe link in the footer; the problem `html-size` is then a warning. In the environment: separated by commas.
    """

    @field_validator("ignore", "error")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for id_ in value:
            if not_a_warning := why_no_warning(id_):
                raise ValueError(not_a_warning)
        return value


def why_no_warning(id_: str) -> str:
    """Why an id cannot be one of a warning; empty when it is."""
    rule = rules().get(id_)
    if rule is None:
        from newsletter.source import near_miss  # only a mistake pays for importing it

        warnings = [known for known, rule in rules().items() if rule.may_warn]
        return f"there is no check {id_!r}. {near_miss(id_, warnings)}".strip()
    return "" if rule.may_warn else f"{id_!r} is always an error"
