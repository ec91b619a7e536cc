"""The tutorial, done as it is written: every shell block in order, in an empty folder, by a real shell."""

from __future__ import annotations

import mailbox
import os
import re
import socket
import subprocess
import sys
from email.message import Message
from itertools import pairwise
from pathlib import Path

import pytest
from tools import require

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"


def shell_blocks() -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", TUTORIAL.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder as the tutorial leaves it. Only the catcher's port is another one than is written there."""
    folder, port = tmp_path_factory.mktemp("tutorial"), free_port()
    script = "set -eu\ntrap 'kill $(jobs -p)' EXIT\n" + "\n".join(shell_blocks()).replace(":1025", f":{port}")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "NEWSLETTER_SMTP__PORT": str(port),
    }
    done = subprocess.run(
        [require("bash"), "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    (folder / "said").write_text(done.stdout, encoding="utf-8")
    return folder / "my-news"


def test_tutorial_builds_the_mail_in_both_languages(project: Path) -> None:
    made = {file.name for file in (project / "build" / "welcome").iterdir()}
    assert {"en.html", "en.txt", "en.eml", "de.html", "de.txt", "de.eml"} <= made


def first_part(message: Message) -> str:
    text = next(part.get_payload(decode=True) for part in message.walk() if not part.is_multipart())
    assert isinstance(text, bytes)
    return text.decode()


def title(text: str) -> str:
    """The line that is underlined with equals signs."""
    lines = text.splitlines()
    return next(line for line, under in pairwise(lines) if under and not under.strip("="))


def test_tutorial_delivers_to_each_in_their_language(project: Path) -> None:
    caught = {
        (str(message["To"]), title(first_part(message)))
        for message in mailbox.Maildir(project / "caught")
        if "reader.example" in str(message["To"])
    }
    assert len(caught) == 2
    by_name = {to.partition("@")[0].rpartition("<")[2]: title for to, title in caught}
    assert by_name == {"noor": "Ideas for long evenings", "hanna": "Ideen für lange Abende"}


def test_tutorial_mails_nobody_twice(project: Path) -> None:
    to = [str(message["To"]) for message in mailbox.Maildir(project / "caught")]
    assert len([address for address in to if "noor@reader.example" in address]) == 1
    assert len([address for address in to if "hanna@reader.example" in address]) == 1


def test_tutorial_keeps_secrets_and_people_out_of_git(project: Path) -> None:
    ignored = (project / ".gitignore").read_text(encoding="utf-8").split()
    assert {"secret.toml", "/*.db", "*.csv"} <= set(ignored)
