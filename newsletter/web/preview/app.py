"""The preview app: an author's pages, live. It reads the project and changes nothing; it answers this machine only."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from fastapi import Depends, FastAPI, HTTPException
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.responses import StreamingResponse as Stream

from newsletter.app.issues.examine import Examined
from newsletter.app.project import Project
from newsletter.authoring.files import legible
from newsletter.authoring.persona import Persona
from newsletter.authoring.short.snippets import FOLDER as SNIPPETS
from newsletter.errors import NewsletterError
from newsletter.web.pages import QUIET_HEADERS, Headers, policy
from newsletter.web.preview.cache import PreviewCache
from newsletter.web.preview.changes import Changes
from newsletter.web.preview.frame import VIEWS
from newsletter.web.preview.hosts import OwnHosts
from newsletter.web.preview.issue_pages import STATIC, PreviewPages

SHOW = ["GET", "HEAD"]
PAGE = "page-"
"""Before the scheme in the name of a frame that shows the web page."""

_PAGE_POLICY = policy(
    script_src="'self'", style_src="'self'", img_src="'self' data:", connect_src="'self'", frame_src="'self'"
)
_MAIL_POLICY = policy(
    img_src="'self' data:",
    style_src="'unsafe-inline'",
    frame_ancestors="'self'",
    # The frame keeps this page's origin, so that the page can put it back to where the author had scrolled;
    # without allow-scripts, and with no script-src, nothing in it can make use of that.
    sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox",
)


def preview_app(reopen: Callable[[], Project], changes: Changes, *, host: str = "127.0.0.1") -> FastAPI:
    """The preview of the project that `reopen` reads; raises ConfigError if that cannot be read to begin with.

    `changes.close()` ends its open streams; `host` is the name given with `--host`.
    """
    cache = PreviewCache(reopen, lambda: changes.version)

    @asynccontextmanager
    async def watching(_: FastAPI) -> AsyncIterator[None]:
        watchers = (
            changes.watch(lambda: watched_folders(cache.project)),
            changes.watch(lambda: [cache.project.folder], any_file=False),
        )
        watching = asyncio.gather(*watchers)
        yield
        changes.close()
        await watching

    async def note_version(request: Request) -> None:
        request.state.version = changes.version  # before looking: a change meanwhile makes the page reload

    app = FastAPI(
        lifespan=watching, dependencies=[Depends(note_version)], openapi_url=None, docs_url=None, redoc_url=None,
        redirect_slashes=False,
    )  # fmt: skip
    app.add_middleware(Headers, headers=dict(QUIET_HEADERS) | {"Content-Security-Policy": _PAGE_POLICY})
    app.add_middleware(OwnHosts, bound=host)
    _add_pages(app, cache, changes)
    _add_stream(app, changes)
    return app


def watched_folders(project: Project) -> list[Path]:
    """The folders with issues and templates, each by itself: what links lead to is not read, so it is not watched.

    Nor is a folder whose name is not UTF-8, which watchfiles cannot take.
    """
    tops = (
        folder
        for folder in (project.issues, project.folder / SNIPPETS, *project.template_folders)
        if not folder.is_symlink()
    )
    found = (Path(folder) for top in tops for folder, _, _ in os.walk(top))
    return [folder for folder in found if legible(str(folder)) == str(folder)]


def _add_pages(app: FastAPI, cache: PreviewCache, changes: Changes) -> None:
    pages = PreviewPages(cache, live=True)

    @app.api_route("/", methods=SHOW)
    @app.api_route("/index.html", methods=SHOW)
    def show_issues(request: Request) -> HTMLResponse:
        return HTMLResponse(pages.index(cache.glances(), cache.personas(), request.state.version))

    @app.api_route("/issues/{slug}", methods=SHOW)
    def choose_edition(slug: str) -> RedirectResponse:
        language, persona = next(iter(pages.ways(_found(cache, slug), cache.personas()).items()))
        return RedirectResponse(f"/issues/{quote(slug)}/{language}/{persona.id}.html")

    @app.api_route("/issues/{slug}/counts", methods=SHOW)
    def count_problems(slug: str) -> HTMLResponse:
        return HTMLResponse(pages.counts(_found(cache, slug)))

    @app.api_route("/issues/{slug}/{language}/{name}.html", methods=SHOW)
    def show_edition(request: Request, slug: str, language: str, name: str) -> HTMLResponse:
        persona, _, view = name.partition(".")
        if view:
            return _mail(cache, pages, slug, language, persona, view)
        found, version = _found(cache, slug), request.state.version
        return HTMLResponse(pages.sheet(found, language, _persona(cache, persona), cache.personas(), version))

    @app.api_route("/assets/{name}", methods=SHOW)
    def show_image(name: str) -> Response:
        asset = cache.asset(name)
        if asset is None:
            raise HTTPException(404)
        return Response(asset.data, media_type=asset.media_type, headers={"Cache-Control": "max-age=31536000"})

    @app.api_route("/static/{name}", methods=SHOW)
    def show_static(name: str) -> FileResponse:
        if name not in {file.name for file in STATIC.iterdir()}:
            raise HTTPException(404)
        return FileResponse(STATIC / name, headers={"Cache-Control": "no-cache"})

    @app.exception_handler(AnyHTTPException)
    def nothing_here(request: Request, error: AnyHTTPException) -> HTMLResponse:  # noqa: ARG001
        return HTMLResponse(pages.lost(error.detail, changes.version), error.status_code, error.headers)

    @app.exception_handler(NewsletterError)
    def cannot_look(request: Request, error: NewsletterError) -> HTMLResponse:
        return HTMLResponse(pages.stopped(error, request.state.version), 500)


def _add_stream(app: FastAPI, changes: Changes) -> None:
    @app.get("/changes")
    async def tell_changes() -> Stream:
        async def lines() -> AsyncIterator[str]:
            async for version in changes.follow():
                yield f"data: {version}\n\n" if version else ": still here\n\n"

        return Stream(lines(), media_type="text/event-stream")


def _mail(cache: PreviewCache, pages: PreviewPages, slug: str, language: str, persona: str, view: str) -> HTMLResponse:
    edition = cache.edition(slug, language)
    shown = view.removeprefix(PAGE)
    if edition is None or shown not in VIEWS or (shown != view and not edition.page):
        return HTMLResponse("", 404, headers={"Content-Security-Policy": _MAIL_POLICY})  # seen in a frame alone
    reader = _persona(cache, persona)
    html = pages.mail(edition, reader, VIEWS[shown]) if shown == view else pages.web_page(edition, VIEWS[shown])
    return HTMLResponse(html, headers={"Content-Security-Policy": _MAIL_POLICY})


def _found(cache: PreviewCache, slug: str) -> Examined:
    found = cache.look(slug)
    if found is None:
        raise HTTPException(404, f"The issue {slug!r} no longer exists.")
    return found


def _persona(cache: PreviewCache, name: str) -> Persona:
    found = next((persona for persona in cache.personas() if persona.id == name), None)
    if found is None:
        raise HTTPException(404, f"The persona {name!r} no longer exists.")
    return found
