"""MJML: what mjml-python makes, and that its death and its bare sentences become faults with a line."""

from __future__ import annotations

import pytest

from newsletter.compiler.mjml.templates import convert


def document(inside: str) -> str:
    return (
        "<mjml>\n<mj-head><mj-title>T</mj-title></mj-head>\n<mj-body>\n<mj-section><mj-column>\n"
        f"<mj-text>{inside}</mj-text>\n</mj-column></mj-section>\n</mj-body>\n</mjml>\n"
    )


def fault_of(mjml: str) -> tuple[str, int]:
    (fault,) = convert(mjml)["error"]["faults"]
    return fault[0], fault[1]


def test_text_becomes_html_without_font_servers() -> None:
    html = convert(document("Hello 你好 &amp; مرحبا"))["done"]
    assert "Hello 你好 &amp; مرحبا" in html
    assert "fonts.googleapis.com" not in html


@pytest.mark.parametrize("tag", ["b", "mj-wrapper"])
def test_deep_nesting_is_a_failure_not_a_crash(tag: str) -> None:
    assert convert(document(f"<{tag}>" * 20_000 + f"</{tag}>" * 20_000))["error"]["kind"] == "died"
    assert "done" in convert(document("the next one"))


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ("1 < 2", "&lt;"),
        ("<p>never closed", "must be closed"),
        ("<br>never opened</b>", "</b> stands where <mj-text>"),
        ("<p class=x>word</p>", "quotes"),
        ("</mj-text><mj-include path='x.mjml' /><mj-text>", "included template"),
    ],
)
def test_complaints_have_a_line(inside: str, message: str) -> None:
    fault, line = fault_of(document(inside))
    assert message in fault
    assert line == 5


def test_rust_panic_is_a_fault() -> None:
    assert fault_of("<mjml><mj-head><mj-include type='html' path='x' /></mj-head><mj-body></mj-body></mjml>")[0]


@pytest.mark.parametrize("mjml", ["", "no markup", "<mjml>", "<html></html>"])
def test_no_document_is_a_fault(mjml: str) -> None:
    assert fault_of(mjml)[0]
