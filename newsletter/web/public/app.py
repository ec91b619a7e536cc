"""The public app: routes of the readers' pages. It has no cookies and no session.

`/u/…` unsubscribes (page and one-click, RFC 8058), `/r/…` undoes that, `/v/…` shows a message, `/assets/…` its images;
`archive/` adds what everybody may read.
GET and HEAD change nothing, because email scanners follow every link; only a POST with the right body does.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, FastAPI, HTTPException
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Match

from newsletter.app.audience.signup import SignupRules
from newsletter.app.audience.statement import ALGORITHM, KEYS_PATH, public_keys
from newsletter.app.audience.unsubscribe import current_lists, language_of_undo, resubscribe, unsubscribe
from newsletter.app.sending.view import find_asset
from newsletter.errors import LinkError, StorageError
from newsletter.feedback.unsubscribe import AGREED, FIELD, MAX_BODY, LeavingReason, Wish, read_wish
from newsletter.storage.database.database import Database
from newsletter.storage.journal.journal import Journal
from newsletter.tokens import Signer
from newsletter.web.pages import QUIET_HEADERS, Below, Headers, policy
from newsletter.web.public.answers import Answers, Site
from newsletter.web.public.archive.resources import ArchiveSite
from newsletter.web.public.archive.routes import add_archive
from newsletter.web.public.old_links import old_link_routes
from newsletter.web.public.preferences import REASON, preference_routes
from newsletter.web.public.signup import Doors, signup_routes

log = logging.getLogger("newsletter.public")

SHOW = ["GET", "HEAD"]
_PATIENCE = 10.0  # seconds that a body may take to arrive
_FOREVER = "public, max-age=31536000, immutable"
_HEADERS = dict(QUIET_HEADERS) | {
    "X-Robots-Tag": "noindex, nofollow",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": policy(),
}


async def small_body(request: Request) -> bytes:
    """The body of a request, limited in size and time."""
    body = bytearray()
    try:
        async with asyncio.timeout(_PATIENCE):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise HTTPException(413)
    except TimeoutError as error:
        raise HTTPException(408) from error
    except ClientDisconnect as error:
        raise HTTPException(400) from error
    return bytes(body)


Body = Annotated[bytes, Depends(small_body)]


def public_app(
    database: Database, journal: Journal, *, signer: Callable[[], Signer], site: Site, public_url: str,
    clock: Callable[[], datetime], signup: SignupRules | None = None, old_links: Sequence[str] = (),
    monitor: APIRouter | None = None,
) -> FastAPI:  # fmt: skip
    """The app of the public pages. `public_url` is its URL in messages; `clock` gives UTC, `signer` the keys
    as they are at that moment. `signup`: the limits of sign-ups; None: nobody can sign up. `old_links`: the
    paths of another tool's unsubscribe links. `monitor`: routes for the operator's monitor.

    A path in `public_url` may stand before the paths here or be taken away by a proxy in front: both work.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.add_middleware(Headers, headers=_HEADERS)
    app.add_middleware(Below, path=urlsplit(public_url).path)
    answers = Answers(site, f"{public_url}/")
    _add_leaving(app, database, journal, signer, answers, clock, has_doors=signup is not None)
    mail_policy = policy(
        img_src=f"'self' {_origin(public_url)}",
        style_src="'unsafe-inline'",
        sandbox="allow-popups allow-popups-to-escape-sandbox",
    )
    archive = ArchiveSite(database, site, public_url, has_signup=signup is not None)
    _add_reading(app, database, signer, public_url, answers, archive, mail_policy)
    add_archive(app, archive, answers, mail_policy)
    if signup is not None:
        doors = Doors(database, journal, signup, signer, answers, clock, small_body)
        app.include_router(signup_routes(doors))
        app.include_router(preference_routes(doors))
    if monitor is not None:
        app.include_router(monitor)
    app.include_router(old_link_routes(database, journal, old_links, answers, clock, small_body))
    _add_errors(app, answers)
    return app


def _add_leaving(
    app: FastAPI, database: Database, journal: Journal, signer: Callable[[], Signer], answers: Answers,
    clock: Callable[[], datetime], *, has_doors: bool,
) -> None:  # fmt: skip
    @app.api_route("/u/{token}", methods=SHOW)
    def ask_before_leaving(request: Request, token: str) -> HTMLResponse:
        present = current_lists(database, signer(), token)
        words = answers.words(request, present.language)
        if present.is_out:
            return answers.message("out", words)
        values = {"lists": present.lists, "field": FIELD, "agreed": AGREED, "token": token if has_doors else ""}
        return answers.page("leave.html", words, values | {"d": answers.words(request, words.language, doors=True)})

    async def leave_lists(request: Request) -> Response:
        token, body = request.path_params["token"], await small_body(request)
        wish = read_wish(request.headers.get("content-type", ""), body)
        if wish is None:
            await asyncio.to_thread(current_lists, database, signer(), token)  # first, an invalid link is a 404
            raise HTTPException(400)
        left = await unsubscribe(database, journal, signer(), token, wish, clock())
        if left.changed:  # a provider may repeat its POST, and so may anyone who has the link
            log.info("%s recipient=%s delivery=%s", wish.value, left.recipient, left.delivery)
        if wish is Wish.ONE_CLICK:
            return PlainTextResponse("Unsubscribed.\n")
        words = answers.words(request, left.language)
        values = {"lists": left.lists, "undo": left.undo, "field": FIELD, "agreed": AGREED}
        asked = {"token": token if has_doors else "", "reasons": [one.value for one in LeavingReason], "reason": REASON}
        return answers.page(
            "left.html", words, values | asked | {"d": answers.words(request, words.language, doors=True)}
        )

    # A route without FastAPI's reading of parameters: providers post thousands of these at once.
    app.add_route("/u/{token}", leave_lists, methods=["POST"])

    @app.api_route("/r/{token}", methods=SHOW)
    def ask_before_returning(request: Request, token: str) -> HTMLResponse:
        words = answers.words(request, language_of_undo(database, signer(), token))
        return answers.page("return.html", words, {"field": FIELD, "agreed": AGREED})

    @app.post("/r/{token}")
    def return_to_lists(request: Request, token: str, body: Body) -> HTMLResponse:
        if read_wish(request.headers.get("content-type", ""), body) is not Wish.PAGE:
            language_of_undo(database, signer(), token)
            raise HTTPException(400)
        returned = resubscribe(database, journal, signer(), token, clock())
        if returned.changed:
            log.info("undo recipient=%s delivery=%s", returned.recipient, returned.delivery)
        return answers.message(returned.undone.value, answers.words(request, returned.language))

    @app.api_route("/u", methods=SHOW)
    @app.api_route("/u/", methods=SHOW)
    def explain_leaving(request: Request) -> HTMLResponse:
        return answers.message("neutral", answers.words(request))


def _origin(url: str) -> str:
    return "{0.scheme}://{0.netloc}".format(urlsplit(url))


def _add_reading(
    app: FastAPI, database: Database, signer: Callable[[], Signer], public_url: str, answers: Answers,
    archive: ArchiveSite, mail_policy: str,
) -> None:  # fmt: skip
    @app.api_route("/v/{token}", methods=SHOW)
    def show_mail(request: Request, token: str) -> HTMLResponse:
        view = archive.views.of_link(
            signer(), token, leave_url=f"{public_url}/u", view_url=f"{public_url}/v/{token.lower()}"
        )
        html = archive.framed(view, answers.words(request, view.edition.language))
        return HTMLResponse(html, headers={"Content-Security-Policy": mail_policy})

    @app.api_route("/assets/{name}", methods=SHOW)
    def serve_image(name: str) -> Response:
        asset = find_asset(database, name)
        if asset is None:
            raise HTTPException(404)
        headers = {"Cache-Control": _FOREVER, "Cross-Origin-Resource-Policy": "cross-origin"}
        return Response(asset.data, media_type=asset.media_type, headers=headers)

    @app.api_route(KEYS_PATH, methods=SHOW)
    def show_statement_keys() -> JSONResponse:
        keys = [{"id": id_, "type": ALGORITHM, "public": public} for id_, public in public_keys(signer().keys).items()]
        return JSONResponse({"keys": keys})

    @app.api_route("/healthz", methods=SHOW)
    def say_whether_it_works() -> PlainTextResponse:
        with database.read():
            return PlainTextResponse("ok\n")


def _methods_here(app: FastAPI, request: Request) -> list[str]:
    """Every method of this path (RFC 9110, section 10.2.1): the error itself knows only those of the first route."""
    scopes = {name: {**request.scope, "method": name} for name in ("GET", "HEAD", "POST")}
    return [name for name, scope in scopes.items() if any(one.matches(scope)[0] is Match.FULL for one in app.routes)]


def _add_errors(app: FastAPI, answers: Answers) -> None:
    """Every error is a page that reveals as little as possible: all invalid links look the same."""

    @app.exception_handler(LinkError)
    def link_error(request: Request, error: LinkError) -> Response:  # noqa: ARG001
        return answers.message("missing", answers.words(request), status=404)

    @app.exception_handler(AnyHTTPException)
    def http_error(request: Request, error: AnyHTTPException) -> Response:
        key = "missing" if error.status_code == 404 else "refused"
        response = answers.message(key, answers.words(request), status=error.status_code)
        response.headers.update(error.headers or {})
        if error.status_code == 405:
            response.headers["Allow"] = ", ".join(_methods_here(app, request))
        return response

    @app.exception_handler(StorageError)
    def storage_error(request: Request, error: StorageError) -> Response:
        log.error("the database cannot be used: %s", error)
        response = answers.message("busy", answers.words(request), status=503)
        response.headers["Retry-After"] = "60"
        return response

    @app.exception_handler(Exception)
    def own_mistake(request: Request, error: Exception) -> Response:  # noqa: ARG001
        # The server logs it with its traceback; the reader only learns that nothing was changed.
        return answers.message("busy", answers.words(request), status=500)
