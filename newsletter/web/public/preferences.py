"""Preferences: pausing by an email's own link, a fresh link to one's own page, that page, and a change of address.

An email's own link shows no address, name or attribute. A page that does opens by a freshly mailed link alone.
"""

import json
from datetime import datetime
from typing import Annotated
from zoneinfo import available_timezones

from fastapi import APIRouter, Depends, HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from newsletter.app.audience import preferences
from newsletter.app.audience.unsubscribe import give_reason
from newsletter.app.shapes import subscriber_json
from newsletter.audience.address import parse_address
from newsletter.errors import AddressError, WrongUsageError
from newsletter.feedback.unsubscribe import AGREED, FIELD, LeavingReason, Wish, read_fields, read_wish
from newsletter.web.public.signup import Doors, button_page
from newsletter.web.public.words import door_languages

_SHOW = ["GET", "HEAD"]
_MAX_FIELDS = 100
REASON = "reason"
"""The field of the form that asks why somebody unsubscribed."""
_ACTION = "do"
"""The name of the buttons of one's own page."""


def preference_routes(doors: Doors) -> APIRouter:
    """The routes of `/u/…/pause`, `/u/…/resume`, `/u/…/reason`, `/u/…/link`, `/own/…` and `/a/…`."""
    routes = APIRouter()
    _add_own_links(routes, doors)
    _add_own_page(routes, doors)
    _add_address(routes, doors)
    return routes


def _require_button(request: Request, body: bytes) -> None:
    """Raise for a POST that no button of ours made."""
    if read_wish(request.headers.get("content-type", ""), body) is not Wish.PAGE:
        raise HTTPException(400)


def _add_own_links(routes: APIRouter, doors: Doors) -> None:
    answers, body_of = doors.answers, Depends(doors.read_body)

    @routes.post("/u/{token}/pause")
    def pause(request: Request, token: str, body: Annotated[bytes, body_of]) -> HTMLResponse:
        _require_button(request, body)
        language = preferences.pause(doors.database, doors.signer(), token, doors.clock())
        words = answers.words(request, language, doors=True)
        values = {"key": "paused", "lists": (), "field": FIELD, "agreed": AGREED, "action": "resume"}
        return answers.page("button.html", words, values)

    @routes.post("/u/{token}/resume")
    def resume(request: Request, token: str, body: Annotated[bytes, body_of]) -> HTMLResponse:
        _require_button(request, body)
        language = preferences.pause(doors.database, doors.signer(), token, doors.clock(), resume=True)
        return answers.message("resumed", answers.words(request, language, doors=True))

    @routes.post("/u/{token}/reason")
    def take_reason(request: Request, token: str, body: Annotated[bytes, body_of]) -> HTMLResponse:
        fields = dict(read_fields(request.headers.get("content-type", ""), body))
        try:
            reason = LeavingReason(fields.get(REASON, ""))
        except ValueError as error:
            raise HTTPException(400) from error
        language = give_reason(doors.database, doors.signer(), token, reason, doors.clock())
        return answers.message("thanks", answers.words(request, language, doors=True))

    @routes.post("/u/{token}/link")
    def send_link(request: Request, token: str, body: Annotated[bytes, body_of]) -> HTMLResponse:
        _require_button(request, body)
        language = preferences.request_link(doors.database, doors.signer(), doors.rules, token, doors.clock())
        return answers.message("link", answers.words(request, language, doors=True))


def _add_own_page(routes: APIRouter, doors: Doors) -> None:
    answers, body_of, database, journal = doors.answers, Depends(doors.read_body), doors.database, doors.journal

    def show(request: Request, token: str, said: str = "", *, status: int = 200) -> HTMLResponse:
        own = preferences.own_page(database, doors.signer(), token, doors.clock())
        words = answers.words(request, own.subscriber.language, doors=True)
        languages = door_languages()
        spoken = own.subscriber.language
        if spoken and spoken not in languages:
            languages = {**languages, spoken: spoken}
        zones = sorted(one for one in available_timezones() if "/" in one and not one.startswith(("Etc/", "SystemV/")))
        values = {"own": own, "languages": languages, "zones": zones, "said": said, "action": _ACTION}
        return answers.page("own.html", words, values, status=status)

    @routes.api_route("/own/{token}", methods=_SHOW)
    def show_own(request: Request, token: str) -> HTMLResponse:
        return show(request, token)

    @routes.post("/own/{token}")
    def change_own(request: Request, token: str, body: Annotated[bytes, body_of]) -> Response:
        fields = read_fields(request.headers.get("content-type", ""), body, _MAX_FIELDS)
        values, signer, now = dict(reversed(fields)), doors.signer(), doors.clock()
        own = preferences.own_page(database, signer, token, now)
        words = answers.words(request, own.subscriber.language, doors=True)
        match values.get(_ACTION):
            case "save":
                chosen = [value for name, value in fields if name == "list"]
                language, zone = values.get("language", ""), values.get("timezone", "")
                try:
                    preferences.change_preferences(database, journal, signer, token, chosen, language, zone, now)
                except WrongUsageError as error:
                    raise HTTPException(400) from error
                return show(request, token, "own_saved")
            case "pause" | "resume" as action:
                preferences.pause_own(database, signer, token, now, resume=action == "resume")
                return show(request, token, "own_saved")
            case "address":
                try:
                    address = parse_address(values.get("email", ""))
                except AddressError:
                    return show(request, token, "email_fault", status=400)
                preferences.request_address(database, signer, doors.rules, token, address, now)
                return answers.message("inbox", words)
            case "export":
                record = preferences.own_record(database, signer, token, now)
                text = json.dumps(subscriber_json(record, datetime.isoformat), ensure_ascii=False, indent=2)
                headers = {"Content-Disposition": 'attachment; filename="about-me.json"'}
                return Response(text + "\n", media_type="application/json", headers=headers)
            case "erase":
                if values.get("sure") != AGREED:
                    return show(request, token, "erase_fault", status=400)
                preferences.erase_own(database, journal, signer, token, now)
                return answers.message("erased", words)
        raise HTTPException(400)


def _add_address(routes: APIRouter, doors: Doors) -> None:
    answers, body_of = doors.answers, Depends(doors.read_body)

    @routes.api_route("/a/{token}", methods=_SHOW)
    def ask_before_moving(request: Request, token: str) -> HTMLResponse:
        language = preferences.address_language(doors.database, doors.signer(), token, doors.clock())
        return button_page(answers, "move", answers.words(request, language, doors=True), ())

    @routes.post("/a/{token}")
    def move(request: Request, token: str, body: Annotated[bytes, body_of]) -> HTMLResponse:
        language = preferences.address_language(doors.database, doors.signer(), token, doors.clock())
        _require_button(request, body)
        words = answers.words(request, language, doors=True)
        is_done = preferences.change_address(
            doors.database, doors.journal, doors.signer(), doors.rules, token, doors.clock()
        )
        return answers.message("moved" if is_done else "refused", words)
