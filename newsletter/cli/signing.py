"""Commands for the keys that sign messages: dkim."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import click

from newsletter.cli.command import JSON, with_project
from newsletter.cli.show import from_here, print_result
from newsletter.errors import RequestError

if TYPE_CHECKING:
    from newsletter.app.project import Project
    from newsletter.delivery.compose.dkim import DkimKey


@click.group()
def dkim() -> None:
    """Make the keys that sign messages (DKIM), and show their DNS records."""


@dkim.command()
@click.option("--selector", metavar="NAME", default="", help="The key's name in DNS (default: its type and the month).")
@click.option("--type", "type_", type=click.Choice(["rsa", "ed25519"]), default="rsa", help="The kind of key.")
@JSON
@with_project
def new(project: Project, selector: str, type_: Literal["rsa", "ed25519"], as_json: bool) -> None:
    """Make a key, and show the DNS record to publish before it signs.

    The private key becomes dkim/NAME.pem, readable by you alone and ignored by git. Every receiver verifies RSA; an
    Ed25519 key may sign beside it.
    """
    from newsletter.app.keys import dkim_file, make_dkim_key

    name = selector or f"{type_}{datetime.now(UTC):%Y%m}"
    domain = _domain(project)
    selectors = [one for one in project.config.dkim.selectors if one != name]
    key = make_dkim_key(project.folder, name, type_)
    file = dkim_file(project.folder, name)
    listed = ", ".join(f'"{one}"' for one in (*selectors, name))
    text = f"""Wrote {from_here(str(file))}. Keep a copy in a safe place.

Next:
  1. Publish this record in the DNS of {domain} (a web form takes the text without quotes, in one piece):

{_zone_line(key, domain)}

  2. Once `dig +short TXT {_name(key, domain)}` shows it, write into newsletter.toml:

[dkim]
selectors = [{listed}]

  3. Look: newsletter doctor. Then restart what sends."""
    print_result({"file": str(file)} | _record_json(key, domain), text, as_json=as_json)


@dkim.command("list")
@JSON
@with_project
def list_keys(project: Project, as_json: bool) -> None:
    """Show the DNS records of the keys that sign now."""
    keys, domain = project.dkim.keys if project.dkim else (), project.dkim.domain if project.dkim else ""
    text = "\n".join(_zone_line(key, domain) for key in keys) or "Messages leave unsigned: [dkim] names no selectors."
    print_result({"keys": [_record_json(key, domain) for key in keys]}, text, as_json=as_json)


def _domain(project: Project) -> str:
    domain = project.config.dkim.domain or project.sender_domain
    if not domain:
        hint = "Fill in `from` in [newsletter], or `domain` in [dkim]"
        raise RequestError("There is no domain to sign for yet", hint=hint)
    return domain


def _name(key: DkimKey, domain: str) -> str:
    return f"{key.selector}._domainkey.{domain}"


def _zone_line(key: DkimKey, domain: str) -> str:
    strings = "\n".join(f'    "{one}"' for one in key.record)
    return f"{_name(key, domain)}. IN TXT (\n{strings} )"


def _record_json(key: DkimKey, domain: str) -> dict[str, object]:
    return {
        "selector": key.selector, "type": key.type, "name": _name(key, domain), "record": "".join(key.record),
        "strings": list(key.record),
    }  # fmt: skip
