"""An SMTP server in a process of its own that records what it takes, durably, *before* it says 250, and misbehaves.

By hand:

    python tests/recording_server.py --port 0 --record caught.jsonl --ready ready.json --raw raw/ \
        --quirk '{"at": "dot", "do": "reset", "accepted": true, "every": 50}'

`--ready` is written once it listens: `{"port": 40001, "pid": 4711}`. `--record` gets one JSON line per recipient of
each accepted message, fsynced before the reply: `message_id`, `mail_from`, `rcpt`, `sha256` (of the bytes, un-stuffed),
`size`, `time`, `connection`, `tls`, and with `--raw` the `path` of the message's bytes. `--transcript` gets every line
that clients said outside of messages, with `connection`, `tls` and the number of the `packet` in which its end came,
`{"dot": …}` where a message ended, and `{"closed": …}` when a connection ends.

From a test, with the server ended for you:

    with recording_server(tmp_path, Quirk("rcpt", "reply", text="550 5.1.1 no such user", match="^bob@")) as server:
        …                       # server.host, server.port, server.pid
        server.records()        # list of dicts as above
        server.messages()       # {recipient: [bytes, …]}
        server.transcript()     # list of dicts

A `Quirk` fires at a step: connect, ehlo (also helo), starttls, auth, mail, rcpt, data, body (while it is still coming),
dot, rset or quit. What it does:

    drop    close the connection                         reset   close it with a TCP reset
    hang    stay silent until the client goes            delay   wait `seconds`, then go on as usual
    reply   say `text` instead of the usual (also nonsense; a newline parts lines), then `close` or go on

`accepted` (at dot, with drop, reset, hang or reply): the message is recorded first, as if it had been taken; a delay
at the dot always records first. `match` is a regular expression on the recipient (at mail: on the return path). It
fires at the occurrence after `skip` ones, then at every `every`th, at most `times` (0: always); the first quirk that
fires wins. `after` (at body): only once so many bytes have come.

Options (keywords of `recording_server`): `latency` seconds between the record and the reply to each dot; `greylist`
seconds during which a new pair of sender domain and recipient gets 451; `size` limit to announce; `smtputf8`;
`lock_step` (no offer of PIPELINING); `certificate` and `key` (STARTTLS offered) with `implicit` (TLS from the first
byte); `inject` (text slipped in after the 220 to STARTTLS); `login` `user:password` (then required), `mechanisms`;
`most` messages per connection (then 421).
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Quirk:
    """One way to misbehave; see the module's docstring."""

    at: str
    do: str
    text: str = ""
    seconds: float = 0.0
    accepted: bool = False
    close: bool = False
    match: str = ""
    skip: int = 0
    every: int = 1
    times: int = 0
    after: int = 0


class GoneError(Exception):
    """The connection is over, by the client's will or by a quirk."""


class Quirks:
    """Counts occurrences, over all connections, and says which quirk fires."""

    def __init__(self, quirks: list[Quirk]) -> None:
        self._faults = quirks
        self._seen = [0] * len(quirks)
        self._fired = [0] * len(quirks)
        self._lock = threading.Lock()

    def at(self, step: str, subject: str = "", received: int = 0) -> Quirk | None:
        with self._lock:
            for index, quirk in enumerate(self._faults):
                if quirk.at != step or not re.search(quirk.match, subject) or received < quirk.after:
                    continue
                self._seen[index] += 1
                turn = self._seen[index] - quirk.skip - 1
                if turn >= 0 and turn % quirk.every == 0 and (not quirk.times or self._fired[index] < quirk.times):
                    self._fired[index] += 1
                    return quirk
        return None


class Journal:
    """JSON lines, each on disk before `write` returns."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) if path else None

    def write(self, *entries: dict[str, Any], sync: bool = True) -> None:
        if self._file is not None:
            os.write(self._file, "".join(json.dumps(entry) + "\n" for entry in entries).encode())
            if sync:
                os.fsync(self._file)


@dataclass
class Server:
    """What all connections share."""

    options: argparse.Namespace
    quirks: Quirks
    record: Journal
    transcript: Journal
    first_seen: dict[tuple[str, str], float] = field(default_factory=dict)
    connections: int = 0

    def serve(self, listener: socket.socket) -> None:
        while True:
            client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            threading.Thread(target=Connection(self, client, self.connections).run, daemon=True).start()

    def keep(self, connection: Connection, data: bytes) -> None:
        """Record a message as taken; returns only when that is on disk."""
        digest = hashlib.sha256(data).hexdigest()
        found = re.search(rb"(?im)^message-id:\s*<?([^>\s]*)", data.partition(b"\r\n\r\n")[0])
        path = ""
        if self.options.raw:
            path = str(Path(self.options.raw) / f"{connection.number:06}-{connection.taken:06}.eml")
            Path(path).write_bytes(data)
        self.record.write(
            *(
                {
                    "message_id": found[1].decode("utf-8", "replace") if found else "",
                    "mail_from": connection.mail_from,
                    "rcpt": recipient,
                    "sha256": digest,
                    "size": len(data),
                    "time": time.time(),
                    "connection": connection.number,
                    "tls": connection.tls,
                    "path": path,
                }
                for recipient in connection.recipients
            )
        )


class Connection:
    """One client, in a thread of its own."""

    def __init__(self, server: Server, client: socket.socket, number: int) -> None:
        self.server, self.client, self.number = server, client, number
        self.buffer = b""
        self.packets = 0
        self.tls = False
        self.logged_in = False
        self.mail_from = ""
        self.recipients: list[str] = []
        self.in_transaction = False
        self.taken = 0

    def run(self) -> None:
        self.server.transcript.write({"opened": True, "connection": self.number}, sync=False)
        try:
            if self.server.options.implicit:
                self._start_tls()
            self._step("connect", "", "220 recording.test ESMTP")
            while True:
                self._command(self._line())
        except (GoneError, OSError):
            pass
        finally:
            self.server.transcript.write({"closed": True, "connection": self.number}, sync=False)
            self.client.close()

    def _command(self, line: str) -> None:
        verb = re.split(r"[\s:]", line, maxsplit=1)[0].upper()
        self._note(line)
        handler = getattr(self, f"_on_{verb.lower()}", None)
        if handler is None:
            self._say("500 5.5.1 unknown command")
        else:
            handler(line)

    def _note(self, line: str) -> None:
        entry = {"connection": self.number, "tls": self.tls, "packet": self.packets, "line": line}
        self.server.transcript.write(entry, sync=False)

    def _on_ehlo(self, line: str) -> None:
        options = self.server.options
        offers = ["recording.test", "8BITMIME", "ENHANCEDSTATUSCODES"]
        offers += [] if options.lock_step else ["PIPELINING"]
        offers += [f"SIZE {options.size}"] if options.size else []
        offers += ["SMTPUTF8"] if options.smtputf8 else []
        offers += ["STARTTLS"] if options.certificate and not self.tls else []
        offers += [f"AUTH {options.mechanisms}"] if options.login and (self.tls or not options.certificate) else []
        lines = [f"250-{offer}" for offer in offers[:-1]] + [f"250 {offers[-1]}"]
        self._step("ehlo", "", "\n".join(lines))

    def _on_helo(self, line: str) -> None:
        self._step("helo", "", "250 recording.test")

    def _on_starttls(self, line: str) -> None:
        if not self.server.options.certificate:
            self._say("454 4.7.0 no TLS here")
            return
        injected = self.server.options.inject
        if self._step("starttls", "", "220 go ahead" + (f"\n{injected}" if injected else "")):
            self._start_tls()

    def _on_auth(self, line: str) -> None:
        parts = line.split()
        if len(parts) > 1 and parts[1].upper() == "PLAIN":
            given = parts[2] if len(parts) > 2 else self._ask("")
            _, user, password = base64.b64decode(given).decode().split("\0")
        elif len(parts) > 1 and parts[1].upper() == "LOGIN":
            user = base64.b64decode(self._ask("VXNlcm5hbWU6")).decode()
            password = base64.b64decode(self._ask("UGFzc3dvcmQ6")).decode()
        elif len(parts) > 1 and parts[1].upper() == "XOAUTH2":
            given = base64.b64decode(parts[2] if len(parts) > 2 else self._ask("")).decode()
            user, password = given.removeprefix("user=").removesuffix("\1\1").split("\1auth=Bearer ")
            if f"{user}:{password}" != self.server.options.login:
                assert self._ask(base64.b64encode(b'{"status":"401"}').decode()) == ""
        else:
            self._say("504 5.5.4 unknown mechanism")
            return
        self.logged_in = f"{user}:{password}" == self.server.options.login
        self._step("auth", "", "235 2.7.0 welcome" if self.logged_in else "535 5.7.8 wrong user or password")

    def _ask(self, challenge: str) -> str:
        self._say(f"334 {challenge}")
        line = self._line()
        self._note(line)
        return line

    def _on_mail(self, line: str) -> None:
        options = self.server.options
        sender = _path(line)
        if options.login and not self.logged_in:
            self._say("530 5.7.0 log in first")
        elif self.in_transaction:
            self._say("503 5.5.1 there is a transaction already")
        elif options.most and self.taken >= options.most:
            self._say("421 4.7.0 enough for one connection")
            raise GoneError
        elif self._step("mail", sender, "250 2.1.0 ok"):
            self.mail_from, self.recipients, self.in_transaction = sender, [], True

    def _on_rcpt(self, line: str) -> None:
        recipient = _path(line)
        key = (self.mail_from.rpartition("@")[2], recipient)
        now = time.monotonic()
        waited = now - self.server.first_seen.setdefault(key, now)
        if not self.in_transaction:
            self._say("503 5.5.1 MAIL first")
        elif waited < self.server.options.greylist:
            self._say("451 4.7.1 greylisted, come back later")
        elif self._step("rcpt", recipient, "250 2.1.5 ok"):
            self.recipients.append(recipient)

    def _on_data(self, line: str) -> None:
        if not self.recipients:
            self._step("data", "", "554 5.5.1 no valid recipients")
        elif self._step("data", self.recipients[-1], "354 go on"):
            self._body()

    def _body(self) -> None:
        data = self._until_dot()
        self.server.transcript.write({"connection": self.number, "dot": True, "packet": self.packets}, sync=False)
        recipient = self.recipients[-1]
        quirk = self.server.quirks.at("dot", recipient, len(data))
        refused = quirk is not None and quirk.do != "delay" and not quirk.accepted
        if not refused:
            self.taken += 1
            self.server.keep(self, data)
            time.sleep(self.server.options.latency)
        self.in_transaction, self.recipients = False, []
        if quirk is None or self._misbehave(quirk):
            self._say("250 2.0.0 taken")

    def _until_dot(self) -> bytes:
        """The message, un-stuffed. Only CRLF.CRLF ends it."""
        received = b"\r\n" + self.buffer
        self.buffer = b""
        while b"\r\n.\r\n" not in received:
            quirk = self.server.quirks.at("body", self.recipients[-1], len(received))
            if quirk is not None:
                self._misbehave(quirk)
            received += self._receive()
        stuffed, _, self.buffer = received.partition(b"\r\n.\r\n")
        return (stuffed + b"\r\n").replace(b"\r\n.", b"\r\n")[2:]

    def _on_rset(self, line: str) -> None:
        if self._step("rset", "", "250 2.0.0 forgotten"):
            self.in_transaction, self.recipients = False, []

    def _on_noop(self, line: str) -> None:
        self._say("250 2.0.0 ok")

    def _on_quit(self, line: str) -> None:
        self._step("quit", "", "221 2.0.0 bye")
        raise GoneError

    def _step(self, step: str, subject: str, usual: str) -> bool:
        """Say the usual reply, unless a quirk fires. Whether things went the usual way."""
        quirk = self.server.quirks.at(step, subject)
        if quirk is not None and not self._misbehave(quirk):
            return False
        self._say(usual)
        return usual[0] in "23"

    def _misbehave(self, quirk: Quirk) -> bool:
        """Carry a quirk out. Whether the usual reply is still to be given."""
        if quirk.do == "reset":
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise GoneError
        if quirk.do == "drop":
            raise GoneError
        if quirk.do == "hang":
            while True:
                self._receive()
        if quirk.do == "delay":
            time.sleep(quirk.seconds)
            return True
        time.sleep(quirk.seconds)
        self._say(quirk.text)
        self.server.transcript.write({"replied": quirk.at, "connection": self.number}, sync=False)
        if quirk.close:
            raise GoneError
        return False

    def _say(self, text: str) -> None:
        self.client.sendall("".join(f"{line}\r\n" for line in text.split("\n")).encode("utf-8", "surrogateescape"))

    def _line(self) -> str:
        while b"\r\n" not in self.buffer:
            self.buffer += self._receive()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line.decode("utf-8", "backslashreplace")

    def _receive(self) -> bytes:
        data = self.client.recv(65536)
        if not data:
            raise GoneError
        self.packets += 1
        return data

    def _start_tls(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server.options.certificate, self.server.options.key)
        self.client = context.wrap_socket(self.client, server_side=True)
        self.tls, self.buffer = True, b""
        self.logged_in = self.in_transaction = False


def _path(line: str) -> str:
    found = re.search(r"<([^>]*)>", line)
    return found[1] if found else ""


@dataclass(frozen=True)
class RecordingServer:
    """A running server, as seen from a test."""

    port: int
    pid: int
    folder: Path
    host: str = "127.0.0.1"

    def records(self) -> list[dict[str, Any]]:
        """What it took, in the order in which it was on disk."""
        return _read_lines(self.folder / "record.jsonl")

    def messages(self) -> dict[str, list[bytes]]:
        """The bytes it took, by recipient."""
        found: dict[str, list[bytes]] = {}
        for record in self.records():
            found.setdefault(record["rcpt"], []).append(Path(record["path"]).read_bytes())
        return found

    def transcript(self) -> list[dict[str, Any]]:
        """What clients said outside of messages."""
        return _read_lines(self.folder / "transcript.jsonl")

    def said(self) -> list[str]:
        """The lines of the transcript."""
        return [entry["line"] for entry in self.transcript() if "line" in entry]


def _read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@contextmanager
def recording_server(folder: Path, *quirks: Quirk, **options: object) -> Iterator[RecordingServer]:
    """Start a server that keeps its files in `folder`; kill it afterwards. See the module's docstring."""
    (folder / "raw").mkdir(parents=True, exist_ok=True)
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    arguments = [sys.executable, __file__, "--ready", str(ready), "--record", str(folder / "record.jsonl")]
    arguments += ["--raw", str(folder / "raw"), "--transcript", str(folder / "transcript.jsonl")]
    for quirk in quirks:
        arguments += ["--quirk", json.dumps(asdict(quirk))]
    for name, value in options.items():
        arguments += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    process = subprocess.Popen(arguments)
    try:
        while not ready.exists():
            if process.poll() is not None:
                raise RuntimeError(f"the recording server ended with {process.returncode}")
            time.sleep(0.01)
        started = json.loads(ready.read_text())
        yield RecordingServer(port=started["port"], pid=started["pid"], folder=folder)
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ready", required=True)
    parser.add_argument("--record", required=True)
    parser.add_argument("--raw", default="")
    parser.add_argument("--transcript", default="")
    parser.add_argument("--quirk", action="append", default=[], type=lambda text: Quirk(**json.loads(text)))
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--greylist", type=float, default=0.0)
    parser.add_argument("--size", type=int, default=0)
    parser.add_argument("--smtputf8", action="store_true")
    parser.add_argument("--lock_step", action="store_true")
    parser.add_argument("--certificate", default="")
    parser.add_argument("--key", default="")
    parser.add_argument("--implicit", action="store_true")
    parser.add_argument("--inject", default="")
    parser.add_argument("--login", default="")
    parser.add_argument("--mechanisms", default="PLAIN LOGIN")
    parser.add_argument("--most", type=int, default=0)
    options = parser.parse_args()
    if options.raw:
        Path(options.raw).mkdir(parents=True, exist_ok=True)
    server = Server(options, Quirks(options.quirk), Journal(options.record), Journal(options.transcript))
    listener = socket.create_server((options.host, options.port), backlog=128)
    draft = Path(options.ready + ".draft")
    draft.write_text(json.dumps({"port": listener.getsockname()[1], "pid": os.getpid()}))
    draft.replace(options.ready)
    server.serve(listener)


if __name__ == "__main__":
    main()
