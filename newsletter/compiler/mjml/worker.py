"""Worker: the process in which templates are rendered and MJML is converted, kept for the next job, killed if need be.

What goes wrong in it is an answer: a template that loops, MJML that ends mjml-python's whole process.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock, Timer
from typing import Any

from newsletter.compiler.mjml.limits import SPENT, Limits
from newsletter.errors import NewsletterError

_CHILD = Path(__file__).with_name("child.py")
_ENVIRONMENT = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What it takes to start Python. The rest is kept from templates: passwords are given in the environment."""
_MOST = 64 << 20
"""Bytes of one line that are read: what a job makes at most, and some more for writing it as JSON."""


class Worker:
    """One child at a time, started when there is a job. Threads wait for each other."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._lock = Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._late = 0
        self._is_stopped = False
        self._is_overdue = False

    def do(self, job: Mapping[str, Any], answer: Callable[[str], Mapping[str, Any]] | None = None) -> dict[str, Any]:
        """Have a job done: {"done": …}, or {"error": {"kind": …, …}}; `answer` gives it what it wants.

        When jobs are late one after the other each gets less time: many issues may share one bad template. Raises
        NewsletterError when there can be no child.
        """
        with self._lock:
            if self._is_stopped:
                return {"error": {"kind": "stopped"}}
            seconds = max(1, self._limits.seconds >> self._late)
            line = json.dumps({**job, "seconds": seconds}).encode() + b"\n"
            try:
                result = self._talk(line, answer)
                if result is None and (result := self._explain_end()) is None:  # it had ended: it had nothing to do
                    result = self._talk(line, answer) or self._explain_end()
            except BaseException:  # raised again; a child in the middle of a job cannot do another
                self._kill()
                raise
            result = result or {"error": {"kind": "died", "message": "twice"}}
            kind = result.get("error", {}).get("kind")
            if kind in SPENT:
                self._end()
            self._late = self._late + 1 if kind == "late" else 0
            return result

    def stop(self) -> None:
        """Let no job go on and none begin. Never waits, so that a signal handler may call it."""
        self._is_stopped = True
        self._kill()

    def close(self) -> None:
        """End the child if there is one."""
        self._kill()
        with self._lock:
            self._end()

    def _start(self) -> subprocess.Popen[bytes]:
        """The child, started when there is none that lives."""
        if self._child is not None and self._child.poll() is None:
            return self._child
        self._end()
        self._said = TemporaryFile()  # noqa: SIM115 - as long as the child
        paths = [str(Path(__file__).parents[3]), *(os.path.abspath(path) for path in sys.path if path)]  # noqa: PTH100
        command = [sys.executable, "-I", "-S", str(_CHILD), json.dumps(paths)]
        command += [str(self._limits.memory), str(self._limits.stack)]
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        try:
            self._child = subprocess.Popen(  # noqa: S603
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said
            )
        except OSError as error:
            raise NewsletterError(f"The template renderer cannot be started: {error.strerror}") from error
        if self._is_stopped:  # meanwhile, when there was nothing to kill yet
            self._kill()
        return self._child

    def _talk(self, job: bytes, answer: Callable[[str], Mapping[str, Any]] | None) -> dict[str, Any] | None:
        """The answer to a job; None when the child has ended before it gave one."""
        child = self._start()
        assert child.stdin is not None
        assert child.stdout is not None
        self._is_overdue = False
        watchdog = Timer(self._limits.timeout, self._end_overdue)
        watchdog.start()
        try:
            message: dict[str, Any] = {}
            child.stdin.write(job)
            child.stdin.flush()
            while line := child.stdout.readline(_MOST):
                message = json.loads(line)
                if "want" in message and answer is not None:
                    child.stdin.write(json.dumps(answer(message["want"])).encode() + b"\n")
                    child.stdin.flush()
                else:
                    break
        except (BrokenPipeError, json.JSONDecodeError):
            child.kill()
            return None
        finally:
            watchdog.cancel()
        if "error" in message:
            message["error"]["at"] = _template_in(self._read_said())
        return message if "done" in message or "error" in message else None

    def _explain_end(self) -> dict[str, Any] | None:
        """Why there is no answer; None when the child has ended in peace."""
        code, said = self._end()
        if self._is_stopped:
            return {"error": {"kind": "stopped"}}
        if self._is_overdue or code == -getattr(signal, "SIGXCPU", 0):
            return {"error": {"kind": "late", "at": _template_in(said)}}
        if code < 0:
            kind = "memory" if code == -signal.SIGKILL else "died"  # the system kills who takes the last memory
            return {"error": {"kind": kind, "message": signal.Signals(-code).name, "at": _template_in(said)}}
        if code > 0:
            raise NewsletterError(f"The template renderer cannot run: {said[-2000:] or f'exit code {code}'}")
        return None

    def _end(self) -> tuple[int, str]:
        """Wait for the child, which has nothing more to read or was killed: its exit code and last words."""
        child, self._child = self._child, None
        if child is None:
            return 0, ""
        with child, self._said:  # closes the pipes and the file
            try:
                code = child.wait(self._limits.timeout)
            except subprocess.TimeoutExpired:
                child.kill()
                code = child.wait()
            return code, self._read_said()

    def _read_said(self) -> str:
        """The standard error of the child, in which it notes the templates it is at."""
        return os.pread(self._said.fileno(), 1 << 20, 0).decode("utf-8", "replace").strip()

    def _end_overdue(self) -> None:
        self._is_overdue = True
        self._kill()

    def _kill(self) -> None:
        child = self._child
        if child is not None:
            child.kill()


def _template_in(said: str) -> str:
    """The template that the child was at; empty when it was at none."""
    notes = [line for line in said.splitlines() if line.startswith("at ")]
    return notes[-1].removeprefix("at ") if notes else ""


@cache
def worker() -> Worker:
    """The worker of this process."""
    made = Worker()
    atexit.register(made.close)
    return made
