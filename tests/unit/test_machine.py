"""This machine's start and clock: the same for every process that shares a ledger, and never going back."""

from __future__ import annotations

import subprocess
import sys

import pytest

from newsletter import machine
from newsletter.machine import boot_id, now_elapsed

_ASK = "from newsletter.machine import boot_id, now_elapsed; print(boot_id(), now_elapsed())"


def test_processes_of_one_machine_agree_on_start_and_clock() -> None:
    before = now_elapsed()
    answer = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, check=True).stdout
    *boot, elapsed = answer.split()

    assert " ".join(boot) == boot_id()
    assert before <= float(elapsed) <= now_elapsed()


def test_system_that_does_not_tell_its_starts_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_BOOT_ID", machine._BOOT_ID / "not-there")
    assert boot_id() == ""
