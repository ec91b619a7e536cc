"""What composing one recipient's message costs: microseconds of CPU time, of this checkout and of others.

    bench/compose.py [CHECKOUT …]

Medians of rounds in which the checkouts take turns; each has its own .venv. All compose the same editions, which this
checkout compiled, for the same recipients, and their messages are compared: the same headers, text and HTML. `floor` is
the SHA-256 of the bytes alone. The times are without the envelope and the first message, which encodes the edition.
"""

import base64
import email
import email.policy
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
PROJECT = HERE.parents[1]
ISSUES = ("2023-05-02-pycon-gems", "2024-01-25-frontiers-of-llms")
ROUNDS, MESSAGES = 5, 300
NAMES = ("Ana Díaz", "", "李四", ". <b>Bo & Co</b> =", "x" * 200)


def compile_all(file: Path) -> None:
    """Write the editions of the sample issues, as a delivery would store them."""
    from newsletter.app.issues.editions import compile_editions
    from newsletter.app.issues.examine import load
    from newsletter.app.project import open_project
    from newsletter.compiler.edition import edition_to_json

    project = open_project(PROJECT, os.environ)
    stored: list[object] = []
    for slug in ISSUES:
        issue = load(project, PROJECT / "issues" / slug / "issue.yaml").issue
        assert issue is not None, slug
        stored += map(edition_to_json, compile_editions(project, issue).editions.values())
    file.write_text(json.dumps(stored))


def measure(file: Path) -> list[dict[str, Any]]:
    """Of each edition: microseconds a message, and one message for each name."""
    from newsletter.app.composing import INERT
    from newsletter.compiler.edition import edition_from_json
    from newsletter.delivery.compose.message import MessageContext
    from newsletter.delivery.compose.urls import Urls

    context = MessageContext({"weekly": "The Wéekly"}, Urls("https://news.example.org", INERT), INERT, "b@example.org")
    return [_measure(edition_from_json(one), context) for one in json.loads(file.read_text())]


def _measure(edition: Any, context: Any) -> dict[str, Any]:
    from newsletter.app.composing import claim_outside

    compose = _composer(edition, context)
    claims = [
        claim_outside(
            "bench", recipient=f"{'a' * 25}{'abcdef'[n % 6]}", address=f"reader{n}@example.org",
            language=edition.language, values={"name": NAMES[n % len(NAMES)]}, now=datetime(2026, 1, 1, tzinfo=UTC),
            lists=("weekly",),
        )
        for n in range(MESSAGES)
    ]  # fmt: skip
    messages = [compose(one).data for one in claims[: len(NAMES)]]
    return {
        "name": f"{edition.issue} {edition.language}",
        "compose": _cost(compose, claims),
        "floor": _cost(lambda data: hashlib.sha256(data).hexdigest(), [messages[0]] * MESSAGES),
        "messages": [base64.b64encode(message).decode() for message in messages],
    }


def _composer(edition: Any, context: Any) -> Callable[[Any], Any]:
    try:
        from newsletter.delivery.compose.mould import make_mould
    except ImportError:  # before moulds each message was composed from the edition
        from newsletter.delivery.compose import message

        return lambda claim: message.compose_message(edition, claim, context)  # type: ignore[attr-defined]
    return make_mould(edition, context).cast


def _cost(step: Callable[[Any], object], inputs: list[Any]) -> float:
    started = time.process_time()
    for one in inputs:
        step(one)
    return (time.process_time() - started) / len(inputs) * 1e6


def _is_same(first: list[str], second: list[str]) -> bool:
    return all(_content(one) == _content(two) for one, two in zip(first, second, strict=True))


def _content(message: str) -> list[object]:
    """What a reader gets: all headers but the boundary, text and HTML."""
    parsed = email.message_from_bytes(base64.b64decode(message), policy=email.policy.SMTP)
    assert isinstance(parsed, EmailMessage)
    headers = [(name, str(value)) for name, value in parsed.items() if name != "Content-Type"]
    parts = [(part.get_content_type(), part.get_payload(decode=True), part.defects) for part in parsed.iter_parts()]
    return [headers, parts, parsed.get_content_type(), parsed.defects]


def main() -> None:
    """Print the medians of each checkout, their ratio to this one's, and whether their messages are the same."""
    checkouts = [PROJECT, *(Path(argument).resolve() for argument in sys.argv[1:])]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "editions.json"
        compile_all(file)
        rounds: dict[Path, list[list[dict[str, Any]]]] = {one: [] for one in checkouts}
        for _ in range(ROUNDS):
            for one in checkouts:
                command = [str(one / ".venv/bin/python"), str(HERE), "--measure", str(file)]
                told = subprocess.run(command, check=True, capture_output=True, text=True, cwd=one).stdout
                rounds[one].append(json.loads(told))
    print(f"load {os.getloadavg()[0]:.1f}; µs of CPU time a message, median of {ROUNDS} rounds (lowest to highest)")
    for number, edition in enumerate(rounds[PROJECT][0]):
        size = len(base64.b64decode(edition["messages"][0]))
        floor = statistics.median(one[number]["floor"] for one in rounds[PROJECT])
        print(f"{edition['name']}, {size:,} bytes; floor {floor:.0f}")
        ours = 0.0
        for checkout in checkouts:
            times = [one[number]["compose"] for one in rounds[checkout]]
            median = statistics.median(times)
            ours = ours or median
            is_same = _is_same(edition["messages"], rounds[checkout][0][number]["messages"])
            print(
                f"  {checkout.name:20} {median:6.0f} ({min(times):.0f} to {max(times):.0f}) {median / ours:6.2f} ×"
                f"   {'same content' if is_same else 'OTHER CONTENT'}",
                flush=True,
            )


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--measure":
        print(json.dumps(measure(Path(sys.argv[2]))))
    else:
        main()
