"""Whether we say well enough who sends: what is missing here stops a check and a send."""

from __future__ import annotations

from newsletter.compiler.edition import Identity
from newsletter.problem import Problem


def check_identity(identity: Identity, public_url: str, bounces: str = "") -> list[Problem]:
    """What is missing or wrong about the sender; places are keys of newsletter.toml. `bounces` may be empty."""
    raise NotImplementedError
