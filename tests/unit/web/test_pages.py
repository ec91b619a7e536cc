"""Pages and their headers: everything escaped, nothing allowed but what is named."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest

from newsletter.web.pages import Pages, hash_source, policy


def test_values_are_escaped(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<p title="{{ name }}">{{ name }}</p>')
    page = Pages(tmp_path).render("a.html", {"name": '<b>"it\'s" & {{ 1 }}'})
    written = "&lt;b&gt;&#34;it&#39;s&#34; &amp; {{ 1 }}"
    assert page == f'<p title="{written}">{written}</p>'


def test_missing_value_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("{{ name }}")
    with pytest.raises(jinja2.UndefinedError):
        Pages(tmp_path).render("a.html", {})


def test_policy_allows_only_what_is_named() -> None:
    assert policy(img_src="'self'", frame_ancestors="'self'") == (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; img-src 'self'"
    )


def test_hash_source_is_the_one_browsers_compute() -> None:
    # SHA-256 of no bytes at all, in base64.
    assert hash_source("") == "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
