"""Messages as files: whole, named after their Message-ID, and only when permitted."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest
from mailing import granted, letter, refused

from newsletter.delivery.ledger.outcome import Accepted
from newsletter.delivery.transports.folder import FolderTransport
from newsletter.errors import PermitRefusedError, RelayConnectionError


def test_message_becomes_one_file_however_often_it_is_written(tmp_path: Path) -> None:
    transport = FolderTransport(tmp_path / "new" / "folder")
    envelope, message = letter()
    for _ in range(2):
        outcome = asyncio.run(transport.send(envelope, message, granted))
        assert isinstance(outcome, Accepted)
        assert outcome.reply.code == 250
    [file] = (tmp_path / "new" / "folder").iterdir()
    assert file.name == f"{message.id.partition('@')[0]}.eml"
    assert file.read_bytes() == message.data
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_message_without_permit_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(PermitRefusedError):
        asyncio.run(FolderTransport(tmp_path).send(*letter(), refused))
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_written_judges_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(RelayConnectionError, match="Cannot write"):
        asyncio.run(FolderTransport(blocked).send(*letter(), granted))
