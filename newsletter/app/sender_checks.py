"""sender_checks: what is wrong with who sends, told at its place in newsletter.toml.

Apart from `project`, which every command loads: the rules about texts take a quarter of a second to import.
"""

from dataclasses import replace
from functools import cache

from newsletter.app.project import STARTER, Project
from newsletter.compiler.edition import Identity
from newsletter.config import load_config, place_of
from newsletter.config.identity import identity_of
from newsletter.delivery.checks.identity import check_identity, check_real_identity
from newsletter.problem import Problem


def check_sender(project: Project) -> list[Problem]:
    """What is missing or wrong about who sends."""
    bounces = project.config.bounces
    found = check_identity(
        project.identity, project.config.public.url, bounces.address, has_plain_path=bounces.return_path == "plain"
    )
    return [_placed(project, problem) for problem in found]


def check_real_sender(project: Project, identity: Identity | None = None) -> list[Problem]:
    """What `send` refuses to a real relay: a sender left as the starter's, a public URL that readers cannot use.

    `identity`: that of a stored edition; None: the configured one. Warnings, because the present relay may be one to
    try with.
    """
    config = project.config
    sender = identity or project.identity
    found = check_real_identity(sender, config.public.url, config.bounces.address, starter_identity())
    return [_placed(project, problem) for problem in found]


@cache
def starter_identity() -> Identity:
    """The sender that a new project begins with, which is nobody's."""
    return identity_of(load_config(STARTER, {}).newsletter)


def _placed(project: Project, problem: Problem) -> Problem:
    return replace(problem, place=place_of(project.folder, project.config, problem.path))
