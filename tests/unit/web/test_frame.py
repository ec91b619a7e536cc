"""The document inside the preview's frame: dark where dark is asked for, whatever the computer prefers."""

from __future__ import annotations

import pytest

from newsletter.web.preview.frame import VIEWS, Scheme, View, framed

TRUE, FALSE = "(min-width:0px)", "(max-width:0px)"


def frame(html: str, scheme: Scheme, *, images: bool = True) -> str:
    return framed(html, View(scheme, images=images), served="https://news.example.org/assets", local="../assets")


@pytest.mark.parametrize(
    ("query", "in_light", "in_dark"),
    [
        ("(prefers-color-scheme: dark)", FALSE, TRUE),
        ("( Prefers-Color-Scheme :dark )", FALSE, TRUE),
        ("(prefers-color-scheme:light)", TRUE, FALSE),
        ("(prefers-color-scheme)", TRUE, TRUE),
        ("screen and (prefers-color-scheme: dark) and (max-width:480px)",
         f"screen and {FALSE} and (max-width:480px)", f"screen and {TRUE} and (max-width:480px)"),
        ("not all and (prefers-color-scheme: dark)", f"not all and {FALSE}", f"not all and {TRUE}"),
    ],
)  # fmt: skip
def test_preference_is_answered_in_style_sheets_and_attributes(query: str, in_light: str, in_dark: str) -> None:
    html = f'<style>@media {query} {{ p {{ color:red }} }}</style><source media="{query}">'
    assert frame(html, Scheme.LIGHT) == html.replace(query, in_light)
    assert frame(html, Scheme.DARK) == html.replace(query, in_dark)


def test_color_scheme_is_the_one_asked_for() -> None:
    html = (
        '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
        "<style>:root{color-scheme:light dark;supported-color-schemes:light dark}</style><p>light dark</p>"
    )
    assert frame(html, Scheme.DARK) == (
        '<meta name="color-scheme" content="dark"><meta name="supported-color-schemes" content="dark">'
        "<style>:root{color-scheme:dark;supported-color-schemes:dark}</style><p>light dark</p>"
    )


def test_words_are_left_alone() -> None:
    html = "<p>Use @media (prefers-color-scheme: dark) and color-scheme: light dark;</p>"
    assert frame(html, Scheme.DARK) == html


def test_images_are_taken_from_here_and_links_open_in_a_new_tab() -> None:
    html = (
        '<!doctype html><html><head lang="en"><title>a</title></head><img src="https://news.example.org/assets/a.png">'
    )
    assert frame(html, Scheme.LIGHT) == (
        '<!doctype html><html><head lang="en"><base target="_blank"><title>a</title></head><img src="../assets/a.png">'
    )


MAIL = (
    '<html><head><style>@media (prefers-color-scheme: dark) {p{color:red}}</style></head><body style="color:blue">'
    '<style media="all">p{margin:0}</style><img src="a.png"></body></html>'
)


def test_views_have_names_of_their_own() -> None:
    assert list(VIEWS) == [
        "light", "light-no-images", "dark", "dark-no-images", "inverted", "inverted-no-images", "plain",
        "plain-no-images",
    ]  # fmt: skip


def test_without_styles_only_those_of_elements_are_left() -> None:
    assert frame(MAIL, Scheme.PLAIN) == (
        '<html><head><base target="_blank"></head><body style="color:blue"><img src="a.png"></body></html>'
    )


def test_inverted_ignores_the_dark_colours_of_the_email() -> None:
    html = frame(MAIL, Scheme.INVERTED)
    assert f"@media {FALSE} {{p{{color:red}}}}" in html
    assert html.count("filter:invert(1)") == 2  # photographs are turned back
    assert (
        frame(MAIL, Scheme.INVERTED, images=False).count("filter:invert(1)") == 1
    )  # the place of a missing one is not


@pytest.mark.parametrize("scheme", Scheme)
def test_images_are_blocked_where_they_are_off(scheme: Scheme) -> None:
    blocked = frame(MAIL, scheme, images=False)
    assert "img-src 'none'" in blocked.partition("</head>")[0]
    assert "img-src" not in frame(MAIL, scheme)
