"""Old links: the unsubscribe pages of the tool that a newsletter came from, at the paths that its emails hold."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from newsletter.app.audience.old_links import lists_of_old_link, unsubscribe_by_old_link
from newsletter.feedback.unsubscribe import AGREED, FIELD, Wish, read_wish
from newsletter.storage.database.database import Database
from newsletter.storage.journal.journal import Journal
from newsletter.web.public.answers import Answers


def old_link_routes(
    database: Database, journal: Journal, paths: Sequence[str], answers: Answers, clock: Callable[[], datetime],
    small_body: Callable[[Request], object],
) -> APIRouter:  # fmt: skip
    """Routes for paths such as `/subscription/:campaign/:subscriber`. As at `/u/…`, only a POST changes anything."""
    router = APIRouter()
    body_of = Depends(small_body)

    def ask(request: Request, subscriber: str) -> HTMLResponse:
        present = lists_of_old_link(database, subscriber)
        words = answers.words(request)
        if present.is_out:
            return answers.message("out", words)
        return answers.page(
            "leave.html", words, {"lists": present.lists, "field": FIELD, "agreed": AGREED, "token": ""}
        )

    def leave(request: Request, subscriber: str, body: Annotated[bytes, body_of]) -> Response:
        wish = read_wish(request.headers.get("content-type", ""), body)
        if wish is None:
            lists_of_old_link(database, subscriber)  # an invalid link is answered with 404 first
            raise HTTPException(400)
        left = unsubscribe_by_old_link(database, journal, subscriber, wish, clock())
        if wish is Wish.ONE_CLICK:
            return PlainTextResponse("Unsubscribed.\n")
        return answers.page("left.html", answers.words(request), {"lists": left, "undo": "", "token": ""})

    for path in paths:
        template = re.sub(r":([a-z]+)", r"{\1}", path)
        router.add_api_route(template, ask, methods=["GET", "HEAD"])
        router.add_api_route(template, leave, methods=["POST"])
    return router
