"""Worker: how other processes recognise a sending process, also after it died and its PID was reused."""

import os
import secrets
import socket
from pathlib import Path

from newsletter.delivery.ledger.ledger import Worker
from newsletter.machine import boot_id
from newsletter.tokens import base32

_PROCESSES = Path("/proc")


def this_worker() -> Worker:
    """A new worker in this process. Its id ends in the start time of the process, in ticks since boot."""
    pid = os.getpid()
    return Worker(id=f"{base32(secrets.token_bytes(10))}-{_began(pid) or 0}", host=_host(), boot=boot_id(), pid=pid)


def is_known_dead(worker: Worker) -> bool:
    """Whether a worker is certainly dead; False when that cannot be known.

    Only processes of this host can be checked: the same machine, boot and process namespace.
    """
    if worker.host != _host() or not worker.boot:
        return False  # on another host, or on a system without a boot id: only leases decide
    if worker.boot != boot_id():
        return True  # the machine was rebooted since
    began = _began(worker.pid)
    return began is None or str(began) != worker.id.rpartition("-")[2]


def _host() -> str:
    """This host; two containers on one machine see different processes, so they count as two."""
    try:
        return f"{socket.gethostname()} {(_PROCESSES / 'self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname()


def _began(pid: int) -> int | None:
    """The start time of a process, in ticks since boot; None when there is no living one with this PID."""
    try:
        # The name, in brackets, may hold anything; after it come the state (field 3) and the start (field 22).
        fields = (_PROCESSES / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])
