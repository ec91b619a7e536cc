"""Routes: the archive's resources over HTTP, with validators, so that a feed reader that has the newest gets 304."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from newsletter.web.pages import hash_source, policy, with_validators
from newsletter.web.public.answers import Answers
from newsletter.web.public.archive.resources import HTML, ArchiveSite, Resource, Snapshot
from newsletter.web.public.words import accepted_languages

_FRESH = "public, max-age=300"
_MOST = 200
"""Resources that are kept ready, of at most 150 kB or so each."""


def add_archive(app: FastAPI, archive: ArchiveSite, answers: Answers, mail_policy: str) -> None:
    """Add the front page, the archive, its feeds, the sitemap and robots.txt to the public app."""
    show = ["GET", "HEAD"]
    kept: dict[tuple[str, str], Resource] = {}
    seen: list[Snapshot] = []

    def ready(path: str, request: Request, now: Snapshot, *, is_negotiated: bool = False) -> Response:
        if seen != [now]:
            kept.clear()
            seen[:] = [now]
        accepted = accepted_languages(request.headers.get("accept-language", "")) if is_negotiated else []
        key = (path, archive.choose_language(now, accepted) if now.issues else "")
        found = kept.get(key) or archive.resource(now, *key)
        if len(kept) >= _MOST:
            kept.clear()
        kept[key] = found
        return _answer(request, found, now, mail_policy, is_negotiated=is_negotiated)

    def at(pattern: str, *, is_negotiated: bool = False) -> None:
        def show_resource(request: Request) -> Response:
            path = pattern.format_map(request.path_params)
            return ready(path, request, archive.snapshot(), is_negotiated=is_negotiated)

        app.add_api_route(f"/{pattern}", show_resource, methods=show)
        if pattern.endswith("/"):  # the relative links on a page need the slash
            app.add_api_route(f"/{pattern[:-1]}", _to_slash, methods=show)

    @app.api_route("/", methods=show)
    def show_front_page(request: Request) -> Response:
        now = archive.snapshot()
        if now.issues:
            return ready("", request, now, is_negotiated=True)
        return answers.page("home.html", answers.words(request), {"subscribe": archive.subscribe_url()})

    at("archive/", is_negotiated=True)
    for pattern in (
        "archive/{language}/", "archive/{language}/{name}", "archive/{language}/{number}/", "issue/{slug}/{language}/",
        "sitemap.xml", "robots.txt",
    ):  # fmt: skip
        at(pattern)


def _to_slash(request: Request) -> Response:
    # After "./" nothing is a scheme: "https:example.com/" alone would lead to another host.
    return RedirectResponse(f"./{request.url.path.rpartition('/')[2]}/", status_code=308)


def _answer(request: Request, found: Resource, now: Snapshot, mail_policy: str, *, is_negotiated: bool) -> Response:
    headers = {"Cache-Control": _FRESH, "Content-Type": found.media_type}
    if found.style:
        headers["Content-Security-Policy"] = policy(style_src=hash_source(found.style), img_src="'self' data:")
    elif found.media_type == HTML:
        headers["Content-Security-Policy"] = mail_policy
    if found.language:
        headers |= {"Content-Language": found.language, "X-Robots-Tag": "all"}
    if is_negotiated:
        headers["Vary"] = "Accept-Language"
    return with_validators(request, Response(found.body, headers=headers), now.updated if now.issues else None)
