"""A secret of the project that got into an issue, a template or an image leaves by no door and is named by its key."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image
from recording_server import recording_server
from shell import Shell
from starlette.testclient import TestClient

from newsletter.app.project import open_project
from newsletter.web.preview import Changes, preview_app

PASSWORD = 's3cret & "quoted" <pass>'
TEXT = "blocks/text.mjml.j2"


def spill(folder: Path, words: str) -> None:
    """Into a template, as it is."""
    shipped = Path(__file__).parents[2] / "templates" / TEXT
    (folder / "templates" / "blocks").mkdir(parents=True)
    text = shipped.read_text().replace("{{ block.text | markdown }}", f"{words}{{{{ block.text | markdown }}}}")
    (folder / "templates" / TEXT).write_text(text)


def in_template(folder: Path, words: str) -> None:
    spill(folder, html.escape(words))


def in_url(folder: Path, words: str) -> None:
    spill(folder, f'<a href="https://example.org/?q={quote(words)}">x</a>')


def in_a_comment(folder: Path, words: str) -> None:
    spill(folder, f"<!-- {html.escape(words)} -->")


def in_issue(folder: Path, words: str) -> None:
    file = folder / "issues" / "welcome" / "issue.yaml"
    file.write_text(file.read_text() + f"signature: |\n  {words}\n")


def in_personas(folder: Path, words: str) -> None:
    (folder / "issues" / "personas.yaml").write_text(json.dumps([{"id": "mei", "name": words, "language": "en"}]))


def in_configuration(folder: Path, words: str) -> None:
    file = folder / "newsletter.toml"
    file.write_text(
        re.sub("(?m)^postal_address.*", lambda _: f"postal_address = {json.dumps(words)}", file.read_text())
    )


def in_image(folder: Path, words: str) -> None:
    """In an animation, which is left as it is; what is made of other images holds their pixels only."""
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "blue")]
    file = folder / "issues" / "welcome" / "a.gif"
    frames[0].save(file, save_all=True, append_images=frames[1:], comment=words.encode())
    file = folder / "issues" / "welcome" / "issue.yaml"
    file.write_text(re.sub("(?m)^  image: .*", "  image: a.gif", file.read_text(), count=1))


def address_key(shell: Shell) -> str:
    return str(re.findall('address_key = "(.*)"', (shell.folder / "secret.toml").read_text())[0])


def signing_key(shell: Shell) -> str:
    return str(re.findall('secret = "(.*)"', (shell.folder / "secret.toml").read_text())[0]).rstrip("=")


def urlsafe_key(shell: Shell) -> str:
    return base64.urlsafe_b64encode(base64.b64decode(address_key(shell))).decode()


def password(shell: Shell) -> str:
    return PASSWORD


@pytest.mark.parametrize(
    ("plant", "secret", "key"),
    [
        (in_template, address_key, "secret.toml: address_key"),
        (in_template, signing_key, "secret.toml: the secret of signing key"),
        (in_a_comment, urlsafe_key, "secret.toml: address_key"),
        (in_template, password, "smtp.password"),
        (in_url, password, "smtp.password"),
        (in_issue, password, "smtp.password"),
        (in_issue, address_key, "secret.toml: address_key"),
        (in_personas, password, "smtp.password"),
        (in_configuration, address_key, "secret.toml: address_key"),
        (in_image, signing_key, "secret.toml: the secret of signing key"),
    ],
)
def test_secret_leaves_by_no_door(
    tmp_path: Path, plant: Callable[[Path, str], None], secret: Callable[[Shell], str], key: str
) -> None:
    with recording_server(tmp_path) as relay:
        shell = Shell(tmp_path, relay, smtp__password=PASSWORD, smtp__username="")
        shell.invite([("ana@example.org", "en")])
        words = secret(shell)
        plant(shell.folder, words)
        out = str(tmp_path / "out")
        sending = (
            ("send", "welcome", "--list", "weekly", "--yes"),
            ("send", "welcome", "--list", "weekly", "--dry-run", "--out", out),
            ("test", "welcome", "--to", "me@example.org"),
        )
        commands = [("build", "--out", out), ("check",), *(sending if plant is not in_personas else ())]
        told = {command: shell.run(*command) for command in commands}
        for command, done in told.items():
            assert done.returncode == 1, (command, done.stdout, done.stderr)
            assert key in done.stdout + done.stderr, command
            assert words not in done.stdout + done.stderr, command
        for style in ("json", "github", "sarif"):
            checked = shell.run("check", "--format", style)
            assert (checked.returncode, checked.stderr) == (1, "")
            assert key in checked.stdout.replace("%3A", ":")
            assert words not in checked.stdout
        assert not relay.messages()
        assert not Path(out).exists()
    project = open_project(shell.folder, {"NEWSLETTER_SMTP__PASSWORD": PASSWORD})
    with TestClient(preview_app(lambda: project, Changes()), base_url="http://localhost") as client:
        pages = [f"issues/welcome/en/{page}.html" for page in ("kim", "kim.light", "reader", "reader.light")]
        shown = "".join(client.get(f"/{page}").text for page in ("", *pages))
        assert key in html.unescape(shown) or plant is in_personas
        assert words not in html.unescape(shown)


def test_short_password_is_any_word(tmp_path: Path) -> None:
    with recording_server(tmp_path) as relay:
        shell = Shell(tmp_path, relay, smtp__password="welcome")
        in_template(shell.folder, "welcome")
        shell.ok("build", "--out", str(tmp_path / "out"))
