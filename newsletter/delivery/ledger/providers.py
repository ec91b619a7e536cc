"""Providers: the groups of recipient domains that one mail system receives for. The table: `providers.toml`."""

import tomllib
from pathlib import Path

OTHER = "other"
"""The group of all domains that the table does not name."""

_DOMAINS: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

PROVIDER_OF = {domain: provider for provider, domains in _DOMAINS.items() for domain in domains.split()}
"""Domain → provider."""
PROVIDERS = frozenset({*_DOMAINS, OTHER})


def share_of(provider: str, address: str) -> str:
    """The part of a delivery that is paused or halted alone: a provider's, or else `@domain`."""
    return provider if provider not in ("", OTHER) else f"@{address.rpartition('@')[2].lower()}"


def provider_of(address: str) -> str:
    """The provider that receives for an address."""
    return PROVIDER_OF.get(address.rpartition("@")[2].lower(), OTHER)
