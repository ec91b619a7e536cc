"""Service: `serve` runs pages, scheduler and a sender process, `web` and `scheduler` one of these, `preview` the pages
of authors, until SIGTERM or SIGINT.

They announce their URL once, and stop everything they started.
"""

import asyncio
import ipaddress
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from newsletter.app.logs import write_log
from newsletter.app.operating.database import connect
from newsletter.app.operating.metrics import Metrics
from newsletter.app.project import Project
from newsletter.app.sending.notices import signup_rules
from newsletter.app.sending.relay import check_relay
from newsletter.compiler.mjml.worker import worker
from newsletter.compiler.theme import Theme
from newsletter.errors import RequestError
from newsletter.jobs import install
from newsletter.problem import Severity
from newsletter.scheduler import Scheduler, project_scheduler
from newsletter.storage.database.database import Database
from newsletter.storage.journal.journal import Journal
from newsletter.web.preview import Changes, preview_app
from newsletter.web.public import Site, metrics_route, page_theme, public_app

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

log = logging.getLogger("newsletter.service")

_GRACE = 10  # seconds for responses under way when the service stops
_HEAD_PATIENCE = 10.0  # seconds that the head of a request may take to arrive
_READ_PATIENCE = 60.0  # seconds that a client may take to read a response
_MOST_CONNECTIONS = 1000
_CROWDED = 0.75  # of them: from there on unfinished ones are closed; their requests end a moment later
_ACCEPTED_AT_ONCE = 16  # before any of them can be closed again; asyncio logs one error for each that fails
_QUEUE = 1024  # connections that the kernel keeps until they are accepted
_PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)  # seconds before a sender that died is started again; the last one repeats
_STEADY = 60.0  # seconds after which a sender counts as having worked


def serve(project: Project, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Run everything in one service until SIGTERM or SIGINT.

    Raises RequestError when the port cannot be used, ConfigError when nothing can be sent with these settings.
    """
    check_relay(project)
    sender = Sender([sys.executable, "-m", "newsletter", "-C", str(project.folder), "worker", "--exit-with-parent"])
    with _listening(project, host, port) as (listening, database, journal):
        scheduler = _scheduler(project, database, journal)
        announce(_known_as(url_of(listening), project.config.public.url))
        try:
            sender.start()
            scheduler.start()
            _run(_pages(project, database, journal), listening, on_stop=sender.ask_to_stop)
        finally:
            sender.ask_to_stop()
            scheduler.stop()
            sender.wait()


def serve_pages(project: Project, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Run the readers' pages alone until SIGTERM or SIGINT. Raises RequestError when the port cannot be used."""
    with _listening(project, host, port) as (listening, database, journal):
        announce(_known_as(url_of(listening), project.config.public.url))
        _run(_pages(project, database, journal), listening, on_stop=lambda: None)


def schedule(project: Project) -> None:
    """Run the scheduler alone until SIGTERM or SIGINT. Raises ConfigError when nothing could be sent."""
    check_relay(project)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with _connected(project) as (database, journal):
        scheduler = _scheduler(project, database, journal)
        scheduler.start()
        ended.wait()
        scheduler.stop()


@contextmanager
def _connected(project: Project) -> Iterator[tuple[Database, Journal]]:
    write_log(project.config)
    with closing(connect(project, tell=log.warning)) as database, closing(project.journal(database)) as journal:
        log.info("database=%s", journal.identity)
        yield database, journal


@contextmanager
def _listening(project: Project, host: str, port: int) -> Iterator[tuple[socket.socket, Database, Journal]]:
    listening = listen(host, port)
    with _connected(project) as (database, journal), _signals_survived():
        yield listening, database, journal


def _pages(project: Project, database: Database, journal: Journal) -> Callable[..., Any]:
    token = project.config.metrics.token.get_secret_value()
    return public_app(
        database,
        journal,
        signer=lambda: project.keys.signer,
        site=site_of(project),
        public_url=project.config.public.url,
        clock=_utc_now,
        signup=signup_rules(project),
        old_links=project.config.public.legacy,
        monitor=metrics_route(Metrics(database, journal).read, token, _utc_now) if token else None,
    )


def _scheduler(project: Project, database: Database, journal: Journal) -> Scheduler:
    if install(project, database):
        log.info("made the tables of the job queue")
    return project_scheduler(project, database, journal, clock=_utc_now)


def preview(reopen: Callable[[], Project], host: str, port: int, announce: Callable[[str], None]) -> None:
    """Run the author's pages until SIGTERM or SIGINT. Raises RequestError when the port cannot be used.

    `reopen` reads the project; it is called again when the configuration may have changed.
    """
    changes = Changes()
    listening = listen(host, port)
    announce(url_of(listening))

    def stop() -> None:
        changes.close()
        worker().stop()  # a template that takes long would be waited for

    with _signals_survived():
        _run(preview_app(reopen, changes, host=host), listening, on_stop=stop)


class Sender:
    """A sender process that is restarted when it dies, with a longer pause when it dies soon after its start."""

    def __init__(self, command: Sequence[str], pauses: Sequence[float] = _PAUSES) -> None:
        self._command = command
        self._pauses = pauses
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_running, name="sender")

    def start(self) -> None:
        """Start the process, and the thread that restarts it."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Let it finish what is in flight and exit. Safe in a signal handler, and to call twice."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()

    def wait(self) -> None:
        """Wait until it has exited."""
        if self._thread.ident is not None:
            self._thread.join()

    def _keep_running(self) -> None:
        deaths = 0
        while not self._stopping.is_set():
            born = time.monotonic()
            end = self._live()
            if self._stopping.is_set():
                break
            deaths = 1 if time.monotonic() - born > _STEADY else deaths + 1
            pause = self._pauses[min(deaths, len(self._pauses)) - 1]
            log.error("the sender process %s; it is started again in %g s", end, pause)
            self._stopping.wait(pause)

    def _live(self) -> str:
        """Run one process until its end; returns how it ended. It exits by itself when its standard input closes."""
        try:
            process = self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE)  # noqa: S603
        except OSError as error:  # too many processes, no memory, the program is being replaced: try again
            return f"could not be started ({error.strerror})"
        if self._stopping.is_set():  # asked to stop before there was a process
            process.terminate()
        with process:
            return f"ended with status {process.wait()}"


class _Connection(H11Protocol):
    """A connection that may be closed while its request is unfinished, so that clients cannot use up the service."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection; when there are too many, close the unfinished one that has waited longest."""
        self.waiting_since = time.monotonic()
        super().connection_made(transport)
        if self.limit_concurrency and len(self.connections) >= self.limit_concurrency * _CROWDED:
            unfinished = [one for one in self.connections if isinstance(one, _Connection) and one.is_unfinished]
            if unfinished:
                min(unfinished, key=lambda one: one.waiting_since).drop("there are too many")

    def on_response_complete(self) -> None:
        """From here on the next request is awaited."""
        self.waiting_since = time.monotonic()
        super().on_response_complete()

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered: its head has not arrived, or its response has been written."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def is_unfinished(self) -> bool:
        """Whether we wait for the client: for a head, for a body, or until it has read a response."""
        return self.is_idle or self.cycle.more_body

    def drop_if_late(self, now: float) -> None:
        """Close it when a head takes too long, or the response is not read."""
        patience = _READ_PATIENCE if self.transport.get_write_buffer_size() else _HEAD_PATIENCE
        if self.is_idle and now - self.waiting_since > patience:
            self.drop("it was silent for too long")

    def drop(self, why: str) -> None:
        """Close it at once."""
        log.warning("closed a connection: %s", why)
        self.connections.discard(self)
        self.transport.abort()


class _Server(uvicorn.Server):
    """uvicorn with a callback when it is asked to stop: open streams and the sender must end before it waits."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by the signal handler."""
        self._on_stop()
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept. asyncio accepts `backlog` connections in a row; the kernel's queue may be longer."""
        await super().startup(sockets)
        for listening in sockets or ():
            listening.listen(_QUEUE)

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second."""
        if counter % 10 == 0:
            now = time.monotonic()
            for connection in list(self.server_state.connections):
                if isinstance(connection, _Connection):
                    connection.drop_if_late(now)
        return await super().on_tick(counter)


def _most_connections() -> int:
    """The limit of open connections: half of the files this process may open, because the database needs some too."""
    if resource is None:
        return _MOST_CONNECTIONS
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return min(limit // 2, _MOST_CONNECTIONS) if limit > 0 else _MOST_CONNECTIONS


def _run(app: Callable[..., Any], listening: socket.socket, *, on_stop: Callable[[], None]) -> None:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # its lines would hold personal links, which are keys
        server_header=False,
        ws="none",
        http=_Connection,
        backlog=_ACCEPTED_AT_ONCE,
        limit_concurrency=_most_connections(),
        timeout_graceful_shutdown=_GRACE,
    )
    _Server(config, on_stop).run(sockets=[listening])


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections from now on. Raises RequestError when the port cannot be used."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_QUEUE)
    except OSError as error:
        raise RequestError(
            f"Cannot listen on {host} port {port}: {error.strerror or error}",
            hint="Choose an address of this machine with --host, and a free port with --port (0 takes any)",
        ) from error


def url_of(listening: socket.socket) -> str:
    """The URL at which a listening socket is reached from this machine."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_reachable_from_outside(url: str) -> bool:
    """Whether other machines may reach what listens at `url`, as `url_of` writes it."""
    return not ipaddress.ip_address((urlsplit(url).hostname or "").partition("%")[0]).is_loopback


@contextmanager
def _signals_survived() -> Iterator[None]:
    """Ignore SIGTERM and SIGINT after uvicorn's stop: it raises them again, which would prevent our own cleanup."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def site_of(project: Project) -> Site:
    """The newsletter as its public pages show it. A theme that cannot be used is replaced, and logged."""
    identity = project.identity
    reachable = identity if identity.contact else replace(identity, contact=identity.reply_to)
    return Site(
        name=identity.newsletter or urlsplit(project.config.public.url).hostname or "",
        theme=_theme(project),
        language=project.config.newsletter.language,
        contact=reachable.contact_text,
        contact_url=reachable.contact_url,
        imprint=identity.imprint_url,
        description=project.config.newsletter.description,
        legal_name=identity.legal_name,
        postal_address=identity.postal_address,
        frequency=project.config.newsletter.frequency,
        privacy=project.config.newsletter.privacy,
    )


def _theme(project: Project) -> Theme:
    loaded = page_theme(project.template_folders, root=project.folder)
    assert loaded.theme is not None, "the program's own theme has no error"
    for problem in loaded.problems:
        if problem.severity is Severity.ERROR:
            log.warning("the pages show the program's own theme: %s", problem)
    return loaded.theme


def _known_as(url: str, public_url: str) -> str:
    return url if url == public_url else f"{url}, known to readers as {public_url}"


def _utc_now() -> datetime:
    return datetime.now(UTC)
