"""The page of a statement, which a person keeps: one file that needs nothing else, and has a place for its JSON."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newsletter.app.audience.statement import PLACE
from newsletter.reporting.statement import UNALTERED, parts_of
from newsletter.web.pages import Pages


def statement_page(facts: Mapping[str, Any], key: str, public: str, where: str) -> str:
    """The HTML of a statement before it is signed. `where`: the URL at which public keys are published."""
    values = {"facts": facts, "parts": parts_of(facts), "note": UNALTERED, "key": key, "public": public, "where": where}
    return Pages(Path(__file__).parent).render("statement.html", values | {"place": PLACE})
