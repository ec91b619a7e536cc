"""One small issue with every block in each shipped theme, as somebody looked at it and found it good."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from compiling import edition_of, make_issue, make_kit, rich_content

from newsletter.app.project import shipped_templates
from newsletter.compiler.compile import compile_issue

THEMES = ("bulletin", "digest", "letter", "magazine")


def test_every_shipped_theme_is_blessed() -> None:
    files = (shipped_templates() / "themes").glob("*.yaml")
    assert sorted(file.stem for file in files) == sorted(["default", *THEMES])


@pytest.mark.parametrize("theme", THEMES)
def test_theme_is_as_blessed(theme: str, blessed: Callable[[str, str], str]) -> None:
    edition = edition_of(compile_issue(make_issue(rich_content(theme=theme)), "en", make_kit()))
    html = edition.readable(edition.html)
    assert html == blessed(f"themes/{theme}.html", html), "if it is meant to change, look at it and run `make bless`"
