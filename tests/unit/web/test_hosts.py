"""Which Host headers the preview answers to."""

from __future__ import annotations

import pytest

from newsletter.web.preview.hosts import is_own_host


@pytest.mark.parametrize(
    "header",
    ["localhost", "LOCALHOST:8001", "localhost.:8001", "my.localhost", "127.0.0.1:8001", "192.168.1.7", "[::1]:8001",
     "[fe80::1]", "studio.lan:80"],
)  # fmt: skip
def test_names_of_this_machine_are_answered(header: str) -> None:
    assert is_own_host(header, "studio.lan")


@pytest.mark.parametrize(
    "header",
    ["", "evil.example", "evil.example:8001", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1:8001@evil",
     "evil.example#localhost", "0x7f.1", "[::1", "::1:80:80:x", "localhost:99999999", "localhost localhost",
     "notlocalhost"],
)  # fmt: skip
def test_other_names_are_not(header: str) -> None:
    assert not is_own_host(header, "127.0.0.1")
