"""MJML: what mjml-python makes, and that its death and its bare sentences become faults with a line."""

from __future__ import annotations

import pytest

from newsletter.compiler.mjml.convert import Limits, NoHtml, to_html


def document(inside: str) -> str:
    return (
        "<mjml>\n<mj-head><mj-title>T</mj-title></mj-head>\n<mj-body>\n<mj-section><mj-column>\n"
        f"<mj-text>{inside}</mj-text>\n</mj-column></mj-section>\n</mj-body>\n</mjml>\n"
    )


def fault_of(mjml: str, limits: Limits | None = None) -> NoHtml:
    html = to_html(mjml, limits)
    assert isinstance(html, NoHtml)
    return html


def test_text_becomes_html_without_font_servers() -> None:
    html = to_html(document("Hello 你好 &amp; مرحبا"))
    assert isinstance(html, str)
    assert "Hello 你好 &amp; مرحبا" in html
    assert "fonts.googleapis.com" not in html


@pytest.mark.parametrize("tag", ["b", "mj-wrapper"])
def test_deep_nesting_is_a_fault_not_a_crash(tag: str) -> None:
    fault = fault_of(document(f"<{tag}>" * 20_000 + f"</{tag}>" * 20_000))
    assert "died" in fault.message
    assert fault.line == 5


def test_child_that_takes_too_long_is_killed() -> None:
    huge = document("<p>word</p>" * 100_000)
    fault = fault_of(huge, Limits(seconds=0))
    assert "longer than 0 seconds" in fault.message or "SIGXCPU" in fault.message or "SIGKILL" in fault.message


def test_child_that_wants_too_much_memory_is_a_fault() -> None:
    fault = fault_of(document("<p>word</p>" * 100_000), Limits(memory=64 << 20))
    assert "died" in fault.message


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
    fault = fault_of(document(inside))
    assert message in fault.message
    assert fault.line == 5


def test_rust_panic_is_a_fault() -> None:
    assert fault_of("<mjml><mj-head><mj-include type='html' path='x' /></mj-head><mj-body></mj-body></mjml>").message


@pytest.mark.parametrize("mjml", ["", "no markup", "<mjml>", "<html></html>"])
def test_no_document_is_a_fault(mjml: str) -> None:
    assert fault_of(mjml).message
