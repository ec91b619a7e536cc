"""Names of time zones: which exist, and that none of them leads to a file."""

from __future__ import annotations

import pytest

from newsletter.timezone import is_time_zone


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "Asia/Shanghai"])
def test_time_zone_that_exists(name: str) -> None:
    assert is_time_zone(name)


@pytest.mark.parametrize(
    "name", ["", "Europe", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "a\x00b", "x" * 300]
)
def test_time_zone_that_does_not_exist(name: str) -> None:
    assert not is_time_zone(name)
