"""Hosts: the preview answers only to names of this machine, so that no web page can read drafts through the browser.

A foreign page may point its own name to 127.0.0.1 after it was loaded (DNS rebinding). The browser then sends that
name in `Host`, and it is refused. A number cannot be rebound.
"""

import ipaddress
import re

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::\d{1,5})?")


def is_own_host(header: str, bound: str) -> bool:
    """Whether a Host header names this machine: localhost, an IP address, or the name that `--host` gave."""
    match = _HOST.fullmatch(header.strip())
    if match is None:
        return False
    name = match["name"].strip("[]").lower().rstrip(".")
    if name in ("localhost", bound.lower()) or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class OwnHosts:
    """ASGI middleware that refuses every other name with 421 (RFC 9110, section 15.5.20)."""

    def __init__(self, app: ASGIApp, bound: str) -> None:
        self._app = app
        self._bound = bound

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http" and not is_own_host(Headers(scope=scope).get("host", ""), self._bound):
            text = (
                "The preview answers to localhost only. To use another name, say it: newsletter preview --host NAME\n"
            )
            await PlainTextResponse(text, status_code=421)(scope, receive, send)
            return
        await self._app(scope, receive, send)
