"""Takes pictures of mails in chromium: without arguments those of the README, else of any issue for looking at it.

    python scripts/take_pictures.py
    python scripts/take_pictures.py issues/2024-01-25-frontiers-of-llms --width 375 700 --dark --out /tmp/pictures

Issues are compiled as for sending, merge fields hold the values of the built-in persona, images come from the edition.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Route, sync_playwright

from newsletter.app.issues.editions import compile_editions
from newsletter.app.project import Project, open_project
from newsletter.authoring.load import find_issues, load_issue
from newsletter.authoring.persona import BUILT_IN
from newsletter.compiler.edition import Edition
from newsletter.errors import AuthoringError

ROOT = Path(__file__).parents[1]
ASSETS = "https://assets.example"
VALUES = {
    "subscriber": {"name": BUILT_IN.name, "email": BUILT_IN.email, "language": "", "timezone": ""},
    "link": {"unsubscribe": "https://news.example/unsubscribe", "view": "https://news.example/view"},
}


@dataclass(frozen=True)
class Picture:
    """One picture to take."""

    edition: Edition
    width: int
    dark: bool
    file: Path
    height: int | None = None
    """Only the first so many pixels of the mail; None: all of it."""


def main() -> int:
    """Take the pictures that the arguments ask for and name their files."""
    options = _options()
    project = open_project(ROOT, {})
    pictures = list(_asked(project, options) if options.issues else _of_readme(project))
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        print("pictures need chromium: on Debian and Ubuntu, apt-get install chromium", file=sys.stderr)
        return 1
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for picture in pictures:
            take(browser, picture)
            print(picture.file, f"{picture.file.stat().st_size / 1000:.0f} kB")
        browser.close()
    return 0


def take(browser: Browser, picture: Picture) -> None:
    """Show an edition, images included, and write what is seen at double density, in 256 colours to stay small."""
    page = browser.new_page(
        viewport={"width": picture.width, "height": 800},
        color_scheme="dark" if picture.dark else "light",
        device_scale_factor=2,
    )
    images = {asset.name: asset for asset in picture.edition.assets}

    def serve(route: Route) -> None:
        asset = images.get(route.request.url.removeprefix(f"{ASSETS}/"))
        if asset is None:
            route.abort()
        else:
            route.fulfill(body=asset.data, content_type=asset.media_type)

    page.route("**/*", serve)
    page.set_content(picture.edition.fill(VALUES).html, wait_until="load")
    with Image.open(io.BytesIO(page.screenshot(full_page=True))) as seen:
        height = min(seen.height, picture.height * 2) if picture.height else seen.height
        cut = seen.convert("RGB").crop((0, 0, seen.width, height))
    page.close()
    picture.file.parent.mkdir(parents=True, exist_ok=True)
    colours = cut.quantize(256, method=Image.Quantize.FASTOCTREE)
    cut.quantize(palette=colours, dither=Image.Dither.FLOYDSTEINBERG).save(picture.file, optimize=True)


def _of_readme(project: Project) -> Iterator[Picture]:
    editions = _editions(project, project.issues / "2024-01-25-frontiers-of-llms" / "issue.yaml")
    folder = ROOT / "docs" / "pictures"
    yield Picture(editions["en"], 700, False, folder / "mail-en-light-700.png", height=1316)
    yield Picture(editions["zh"], 375, True, folder / "mail-zh-dark-375.png", height=1402)


def _asked(project: Project, options: argparse.Namespace) -> Iterator[Picture]:
    for file in find_issues(options.issues, root=project.folder):
        for language, edition in _editions(project, file).items():
            for width in options.width:
                for dark in {False, options.dark}:
                    scheme = "dark" if dark else "light"
                    name = f"{edition.issue}-{language}-{scheme}-{width}.png"
                    yield Picture(edition, width, dark, options.out / name)


def _editions(project: Project, file: Path) -> dict[str, Edition]:
    loaded = load_issue(file.resolve(), root=project.folder)
    if loaded.issue is None:
        raise AuthoringError(loaded.problems)
    return dict(compile_editions(project, loaded.issue, assets_url=ASSETS).editions)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Take pictures of mails; without arguments, those of the README.")
    parser.add_argument("issues", nargs="*", type=Path, help="issue files or folders")
    parser.add_argument("--width", nargs="+", type=int, default=[375, 700], help="window widths in pixels")
    parser.add_argument("--dark", action="store_true", help="also in the dark")
    parser.add_argument("--out", type=Path, default=Path("build/pictures"), help="folder for the PNG files")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
