"""Telling living processes from dead ones."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

from newsletter.delivery.ledger.ledger import Worker
from newsletter.delivery.sender.worker import is_known_dead, this_worker

SCRIPT = (
    "from newsletter.delivery.sender.worker import this_worker\n"
    "w = this_worker(); print(w.id, w.pid, flush=True); input()"
)


def born() -> tuple[subprocess.Popen[str], Worker]:
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    name, pid = process.stdout.readline().split()
    return process, replace(this_worker(), id=name, pid=int(pid))


def test_worker_is_known_dead_once_its_process_ended() -> None:
    process, worker = born()
    assert not is_known_dead(worker)

    process.kill()
    while process.returncode is None and not is_known_dead(worker):
        pass  # a killed child that nobody waited for yet is dead too
    assert is_known_dead(worker)
    process.communicate()
    assert is_known_dead(worker)


def test_worker_is_dead_when_its_number_belongs_to_a_younger_process() -> None:
    process, worker = born()
    assert is_known_dead(replace(worker, id=f"{worker.id}0"))
    process.communicate("")


def test_worker_of_another_host_may_live() -> None:
    gone = replace(this_worker(), pid=2**22 + 1)
    assert is_known_dead(gone)
    assert not is_known_dead(replace(gone, host="elsewhere"))
    assert not is_known_dead(replace(gone, boot=""))


def test_worker_of_an_earlier_start_of_the_machine_is_dead() -> None:
    assert is_known_dead(replace(this_worker(), boot="earlier"))


def test_each_worker_has_an_id_of_its_own() -> None:
    assert this_worker().id != this_worker().id
    assert len(this_worker().id) <= 32
