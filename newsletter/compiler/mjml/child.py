"""The child of `worker`: a program of its own that may be killed, run by its path. Renders templates, converts MJML.

Every line is one JSON object: a job comes in; questions (`want`) and last an answer go out. It ends with its standard
input, when nothing was asked for a while, and after a job that took too much. The last line of its standard error, a
file, names the template it is at.
"""

import json
import os
import select
import signal
import sys
from typing import Any

_IDLE = 60.0  # seconds


def main(paths: str, memory: int, stack: int) -> None:
    """Do jobs until there are no more. `paths` is where to import from, as JSON; the limits are bytes."""
    sys.path[:] = json.loads(paths)
    from newsletter.compiler.mjml.limits import SPENT, limit_process  # importable only now

    limit_process(memory, stack)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the program that started us
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what somebody prints must not get among the answers

    def tell(message: dict[str, Any]) -> None:
        sink.write(json.dumps(message).encode() + b"\n")
        sink.flush()

    def ask(message: dict[str, Any]) -> Any:
        tell(message)
        return json.loads(source.readline())

    def note(template: str) -> None:
        os.write(2, f"at {template}\n".encode())  # not to the worker, which each line would wake

    while _is_asked() and (line := source.readline()):
        os.ftruncate(2, 0)
        os.lseek(2, 0, os.SEEK_SET)
        answer = _answer(json.loads(line), ask, note)
        tell(answer)
        if "error" in answer and answer["error"]["kind"] in SPENT:
            return


def _answer(job: dict[str, Any], ask: Any, note: Any) -> dict[str, Any]:
    from newsletter.compiler.mjml.limits import FailedError, TooLongError, start_clock, stop_clock

    do = _load(job["do"])  # before the clock starts: it takes longer than a job
    try:
        start_clock(job["seconds"])
        try:
            return {"done": do(job, ask, note)}
        finally:
            stop_clock()
    except FailedError as error:
        return {"error": error.facts}
    except TooLongError:
        return {"error": {"kind": "late"}}
    except MemoryError:
        return {"error": {"kind": "memory"}}


def _load(kind: str) -> Any:
    if kind == "render":
        from newsletter.compiler.mjml.render import render

        return render
    from newsletter.compiler.mjml.convert import convert

    return lambda job, *_: convert(job["mjml"], job["language"], job["direction"])


def _is_asked() -> bool:
    """Wait for a job; false when none came for a while."""
    return os.name == "nt" or bool(select.select([sys.stdin.buffer], [], [], _IDLE)[0])


if __name__ == "__main__":
    main(sys.argv[1], *(int(argument) for argument in sys.argv[2:4]))
