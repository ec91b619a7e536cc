"""Metrics: for a monitor that shows the token of the configuration. For all others there is no such page."""

import hmac
from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse

_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics_route(read: Callable[[datetime], str], token: str, clock: Callable[[], datetime]) -> APIRouter:
    """The route of `/metrics`."""
    routes = APIRouter()

    @routes.get("/metrics")
    def show(request: Request) -> PlainTextResponse:
        shown = request.headers.get("authorization", "")
        if not hmac.compare_digest(shown.encode(), f"Bearer {token}".encode()):
            raise HTTPException(404)
        return PlainTextResponse(read(clock()), media_type=_TYPE)

    return routes
