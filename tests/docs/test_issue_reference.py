"""docs/reference/issue.md and the schema say the same: every key, block type and filter is explained there."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from newsletter.authoring.blocks import BLOCKS
from newsletter.authoring.blocks.highlights import ArticleEntry
from newsletter.authoring.blocks.simple.links import LinkEntry
from newsletter.authoring.contributors import ContributorEntry
from newsletter.authoring.parts import AuthorEntry, PictureEntry
from newsletter.authoring.persona import Persona
from newsletter.authoring.schema import IssueFile, PublicationEntry, SendEntry, SourceEntry
from newsletter.expression import FILTERS

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "issue.md").read_text(encoding="utf-8")
MODELS = [
    IssueFile, SourceEntry, PublicationEntry, PictureEntry, ArticleEntry, AuthorEntry, LinkEntry, SendEntry,
    ContributorEntry, Persona, *BLOCKS.values(),
]  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_issue_page_names_every_key(model: type[BaseModel]) -> None:
    missing = [key for key in model.model_fields if f"`{key}`" not in PAGE and f"\n  {key}: " not in PAGE]
    assert missing == []


def test_issue_page_names_every_filter() -> None:
    assert [name for name in FILTERS if f"`{name}" not in PAGE] == []
