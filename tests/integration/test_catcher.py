"""The demo's mail catcher and its gallery: what is sent is on disk, to the byte, and shows without a server."""

from __future__ import annotations

import mailbox
import smtplib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from newsletter.demo.catcher import Catcher
from newsletter.demo.gallery import Caught, read_caught, write_gallery

MAIL = (
    "From: a@news.example\r\nTo: {to}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    '<html lang="{language}"><img src="http://localhost:8000/assets/x.png"><p>Hello</p></html>\r\n'
)


def send(catcher: Catcher, *mails: bytes) -> None:
    with smtplib.SMTP(catcher.host, catcher.port) as client:
        for mail in mails:
            client.sendmail("b@news.example", ["reader@home.example"], mail)


def test_catcher_keeps_every_mail_twice(tmp_path: Path) -> None:
    mails = [MAIL.format(to=f"r{n}@home.example", subject=f"No. {n}", language="en").encode() for n in range(3)]
    with Catcher(tmp_path) as catcher:
        send(catcher, *mails)
        assert catcher.caught == 3
    assert [file.read_bytes() for file in sorted(catcher.files.iterdir())] == mails
    assert len(mailbox.Maildir(catcher.maildir)) == 3


def test_gallery_shows_mails_with_local_images(tmp_path: Path) -> None:
    hostile = MAIL.format(to="<script>alert(1)</script>@x.example", subject="<b>bold</b>", language="zh").encode()
    with Catcher(tmp_path) as catcher:
        send(catcher, hostile)
    caught = read_caught(catcher.files.iterdir())
    index = write_gallery(caught, tmp_path, served="http://localhost:8000/assets", local="../assets")
    page = index.read_text()
    assert "<script>" not in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert '<img src="../assets/x.png">' in (tmp_path / "mails" / "0001.html").read_text()
    assert caught[0].language == "zh"


@pytest.mark.parametrize("width", [375, 1200])
def test_gallery_shows_the_mail_beside_a_long_list(tmp_path: Path, browser: Any, width: int) -> None:
    mail = Caught(tmp_path / "0001.eml", "ana@example.org", "Maps", "en", "<p>for Ana</p>")
    other = replace(mail, file=tmp_path / "0002.eml", to="bo@example.org", html="<p>for Bo</p>")
    index = write_gallery([mail] * 200 + [other], tmp_path, served="x", local="y")
    page = browser.new_page(viewport={"width": width, "height": 700})
    page.goto(index.as_uri())
    page.get_by_text("bo@example.org").click()
    page.frame_locator("iframe").get_by_text("for Bo").wait_for()
    shown = page.locator("iframe").bounding_box()
    assert shown["y"] >= 0
    assert shown["y"] + shown["height"] <= 700
    page.close()


def test_gallery_of_nothing_says_so(tmp_path: Path) -> None:
    assert "Nothing was caught" in write_gallery([], tmp_path, served="x", local="y").read_text()
