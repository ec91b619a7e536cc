"""`newsletter preview` as a real process: it says where it is, tells open pages of every save, and ends when asked."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from shell import newsletter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    newsletter("init", str(tmp_path / "news")).check_returncode()
    return tmp_path / "news"


@contextmanager
def previewing(folder: Path, host: str = "127.0.0.1") -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The preview's URL and its process, killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "newsletter", "-C", str(folder), "preview", "--port", "0", "--host", host],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        found = re.search(rf"http://{host}:\d+", process.stdout.readline())
        assert found
        yield found[0], process
    finally:
        process.kill()
        process.communicate()


def versions(lines: Iterator[str]) -> Iterator[str]:
    """What an open page hears; a stream that only breathes for two minutes has missed a change."""
    breaths = 0
    for line in lines:
        breaths += line.startswith(":")
        assert breaths < 8, "no change was heard of"
        if line.startswith("data: "):
            breaths = 0
            yield line.removeprefix("data: ")


def test_open_page_hears_of_every_save(folder: Path) -> None:
    issue = folder / "issues" / "welcome" / "issue.yaml"
    with previewing(folder) as (url, _), httpx2.stream("GET", f"{url}/changes", timeout=None) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        heard = versions(stream.iter_lines())

        def until_shown(text: str) -> None:
            """Ask for the page as a browser does, once for each change that it hears of."""
            while text not in (page := httpx2.get(f"{url}/issues/welcome/en/kim.html").text):
                assert next(heard)
            assert 'data-version="' in page

        until_shown("Hello, and welcome aboard")
        issue.write_text(issue.read_text().replace("Hello, and welcome aboard", "A title just saved"))
        until_shown("A title just saved")

        hero = (issue.parent / "hero.png").read_bytes()
        (issue.parent / "hero.png").write_bytes(b"no longer an image")
        until_shown("the file is not an image")
        (issue.parent / "hero.png").write_bytes(hero)
        until_shown("<iframe")

        blocks = folder / "templates" / "blocks"
        blocks.mkdir(parents=True)
        (blocks / "text.mjml.j2").write_text("<mj-section><mj-column>{{ oops }}</mj-column></mj-section>")
        until_shown("templates/blocks/text.mjml.j2:1")


READ = [
    "people.yaml", "ana.png", "issues/people.yaml", "issues/personas.yaml", "issues/welcome/new.jpg",
    "templates/themes/default.yaml", "templates/parts/figure.mjml.j2", "newsletter.toml",
]  # fmt: skip


def test_every_file_that_is_read_is_watched(folder: Path) -> None:
    for name in READ:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    with previewing(folder) as (url, _), httpx2.stream("GET", f"{url}/changes", timeout=None) as stream:
        heard = versions(stream.iter_lines())
        last = next(heard)
        for name in READ:
            time.sleep(0.5)  # what the file before has caused is told by now
            draft = folder / "draft"  # as editors save: written beside, then put in its place
            draft.write_text("x")
            draft.replace(folder / name)
            last, before = next(heard), last
            assert last != before, name


def test_template_folder_that_appears_is_watched_too(folder: Path) -> None:
    shutil.rmtree(folder / "templates")
    with previewing(folder) as (url, _), httpx2.stream("GET", f"{url}/changes", timeout=None) as stream:
        heard = versions(stream.iter_lines())
        first = next(heard)
        (folder / "templates").mkdir()
        second = next(heard)
        (folder / "templates" / "notes.txt").write_text("a file")
        assert len({first, second, next(heard)}) == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_preview_ends_although_pages_are_open(folder: Path, number: signal.Signals) -> None:
    with previewing(folder) as (url, process), httpx2.stream("GET", f"{url}/changes", timeout=None) as stream:
        lines = stream.iter_lines()
        next(versions(lines))
        process.send_signal(number)
        _, log = process.communicate()
        assert (process.returncode, log) == (0, "")
        assert not list(versions(lines))


def test_preview_that_others_can_reach_warns(folder: Path) -> None:
    with previewing(folder, "0.0.0.0") as (_, process):
        assert process.stderr is not None
        assert "anyone who can reach this address can read every draft" in process.stderr.readline()


def test_export_writes_a_copy(folder: Path, tmp_path: Path) -> None:
    done = newsletter("-C", str(folder), "preview", "--export", str(tmp_path / "copy"))
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "copy" / "index.html") in done.stdout
    assert (tmp_path / "copy" / "index.html").is_file()


LOOP = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"


def test_template_that_loops_breaks_one_page_until_it_is_mended(folder: Path) -> None:
    shutil.copytree(folder / "issues" / "welcome", folder / "issues" / "other")
    issue = folder / "issues" / "welcome" / "issue.yaml"
    issue.write_text(issue.read_text() + "layout: bare\n")
    template = folder / "templates" / "layouts" / "bare.mjml.j2"
    template.parent.mkdir(parents=True, exist_ok=True)
    template.write_text(f"\n{LOOP}")
    with previewing(folder) as (url, process), httpx2.Client(timeout=100, follow_redirects=True) as client:
        broken = client.get(f"{url}/issues/welcome").text
        assert "templates/layouts/bare.mjml.j2:2" in broken
        assert "<iframe" not in broken
        assert "<iframe" in client.get(f"{url}/issues/other").text
        template.write_text("<mjml><mj-body></mj-body></mjml>")
        while "<iframe" not in client.get(f"{url}/issues/welcome").text:
            time.sleep(0.1)
        template.write_text(LOOP)
        time.sleep(1)
        looking = threading.Thread(target=lambda: suppress_closed(client, f"{url}/issues/welcome/en/kim.html"))
        looking.start()
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        looking.join()


def suppress_closed(client: httpx2.Client, url: str) -> None:
    with contextlib.suppress(httpx2.HTTPError):
        client.get(url)
