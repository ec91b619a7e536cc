"""Pages: Jinja2's door for pages in a browser, and the headers of every response.

Used by the apps beside this file; each keeps its pages (HTML, one style sheet) in a folder of its own.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

import jinja2
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

QUIET_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",  # a personal link must not travel to where a page links to
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}
"""Headers of every response whose route does not set them."""


class Pages:
    """The pages of one folder. Every value is escaped; a missing value is an error, not a blank."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folder),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )

    def render(self, page: str, values: Mapping[str, object]) -> str:
        """The HTML of one page."""
        return self._environment.get_template(page).render(values)

    def read(self, name: str) -> str:
        """A text file that lies beside the pages, such as their style sheet."""
        return (self._folder / name).read_text(encoding="utf-8")


def policy(**directives: str) -> str:
    """A Content-Security-Policy in which nothing works but what is named: `img_src="'self'"`."""
    named = {"base_uri": "'none'", "form_action": "'none'", "frame_ancestors": "'none'"} | directives
    return "; ".join(["default-src 'none'", *(f"{name.replace('_', '-')} {value}" for name, value in named.items())])


def hash_source(text: str) -> str:
    """The source expression that allows exactly this inline style sheet (CSP Level 3)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def with_validators(request: Request, response: Response, modified: datetime | None) -> Response:
    """The response with an ETag and Last-Modified; or 304 for a client that has it already (RFC 9110, section 13)."""
    etag = f'"{hashlib.sha256(response.body).hexdigest()[:32]}"'
    response.headers["ETag"] = etag
    if modified is not None:
        response.headers["Last-Modified"] = format_datetime(modified, usegmt=True)
    if not _has_it(request, etag, modified):
        return response
    kept = {name: value for name, value in response.headers.items() if name not in ("content-length", "content-type")}
    return Response(status_code=304, headers=kept)


def _has_it(request: Request, etag: str, modified: datetime | None) -> bool:
    tags = request.headers.get("if-none-match")
    if tags is not None:  # then the date does not count
        known = [tag.strip().removeprefix("W/") for tag in tags.split(",")]
        return etag in known or tags.strip() == "*"
    since = request.headers.get("if-modified-since")
    if since is None or modified is None:
        return False
    try:
        return modified.replace(microsecond=0) <= parsedate_to_datetime(since)
    except (ValueError, TypeError):  # no date, or one without a zone
        return False


class Headers:
    """ASGI middleware: adds headers to every response, also to errors, where the route did not set its own."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the headers."""

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    present.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, complete if scope["type"] == "http" else send)


_ORIGIN = re.compile("https?://[^/]*", re.IGNORECASE)


class Below:
    """ASGI middleware: the public URL of the app has `path`, which a proxy may remove from requests or not.

    A client may also request the whole URL, as from a proxy (RFC 9112, section 3.2.2).
    """

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; starlette's routes remove the `root_path` if it is there."""
        if scope["type"] == "http":
            origin = _ORIGIN.match(scope["path"])
            path = scope["path"][origin.end() :] if origin else scope["path"]
            scope = {**scope, "root_path": self._path, "path": path or "/"}
        await self._app(scope, receive, send)
