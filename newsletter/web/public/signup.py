"""Signing up: the form, which may also be posted from another site, and the page with the button that confirms.

Only a post of our own page, signed and not too fresh, is stored; any other one is answered with that page, filled in.
Nothing here looks up an address, and none stands in a URL.
"""

from base64 import b32decode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from newsletter.app.audience.signup import (
    SignupForm,
    SignupRules,
    Standing,
    confirm_signup,
    confirmation_of,
    open_lists,
    request_signup,
)
from newsletter.audience.address import parse_address
from newsletter.audience.importing.cells import clean
from newsletter.audience.subscriber import MailingList
from newsletter.errors import AddressError, LinkError
from newsletter.feedback.unsubscribe import AGREED, FIELD, Wish, read_fields, read_wish
from newsletter.storage.audience.signups import ShownWords
from newsletter.storage.database.database import Database
from newsletter.storage.journal.journal import Journal
from newsletter.tokens import Purpose, Signer, base32
from newsletter.web.public.answers import Answers
from newsletter.web.public.words import Catalogue

_SHOW = ["GET", "HEAD"]
_TRAP = "website"
"""A field that nobody sees: whoever fills it in is a program."""
_LEAST, _MOST = timedelta(seconds=2), timedelta(days=1)
"""How old our page must be when it is posted, and may be."""
_TIME_BYTES, _TIME_LETTERS = 5, 8
_MAX_NAME, _MAX_FIELDS = 100, 40


@dataclass(frozen=True, slots=True)
class _Filled:
    """What was typed into the form."""

    email: str = ""
    name: str = ""
    lists: tuple[str, ...] = ()
    token: str = ""
    language: str = ""
    is_trapped: bool = False


@dataclass(frozen=True, slots=True)
class Doors:
    """What the routes of signing up and of preferences share."""

    database: Database
    journal: Journal
    rules: SignupRules
    signer: Callable[[], Signer]
    answers: Answers
    clock: Callable[[], datetime]
    """UTC."""
    read_body: Callable[[Request], Awaitable[bytes]]


def signup_routes(doors: Doors) -> APIRouter:
    """The routes of `/subscribe` and `/c/…`."""
    database, answers, signer, clock = doors.database, doors.answers, doors.signer, doors.clock
    routes = APIRouter()
    body_of = Depends(doors.read_body)

    @routes.api_route("/subscribe", methods=_SHOW)
    @routes.api_route("/subscribe/{slug}", methods=_SHOW)
    def show_form(request: Request, slug: str = "") -> HTMLResponse:
        words = answers.words(request, doors=True)
        return _form(answers, signer(), words, open_lists(database, slug), _Filled(), clock())

    @routes.post("/subscribe")
    @routes.post("/subscribe/{slug}")
    def take_form(request: Request, body: Annotated[bytes, body_of], slug: str = "") -> HTMLResponse:
        lists = open_lists(database, slug)
        filled = _read(request.headers.get("content-type", ""), body)
        words = answers.words(request, filled.language, doors=True)
        now, shown = clock(), _shown(answers, words, lists)
        is_ours = _is_ours(signer(), filled.token, shown, now)
        if filled.is_trapped:
            return answers.message("inbox", words)
        chosen = [one for one in lists if one.slug in filled.lists] if len(lists) > 1 else lists
        try:
            address = parse_address(filled.email)
        except AddressError:
            return _form(answers, signer(), words, lists, filled, now, fault="email_fault", status=400)
        if not chosen:
            return _form(answers, signer(), words, lists, filled, now, fault="lists_fault", status=400)
        if not is_ours:
            return _form(answers, signer(), words, lists, filled, now)
        client = request.client.host if request.client else ""
        ids = tuple(one.id for one in chosen)
        form = SignupForm(address, ids, words.language, shown, name=filled.name, client=client)
        request_signup(database, doors.rules, form, now)
        return answers.message("inbox", words)

    @routes.api_route("/c/{token}", methods=_SHOW)
    def ask_before_confirming(request: Request, token: str) -> HTMLResponse:
        asked = confirmation_of(database, signer(), token, clock())
        words = answers.words(request, asked.language, doors=True)
        match asked.standing:
            case Standing.CONFIRMED:
                return answers.message("confirmed", words)
            case Standing.EXPIRED:
                return button_page(answers, "expired", words, ())
        return button_page(answers, "confirm", words, asked.lists)

    @routes.post("/c/{token}")
    def confirm(request: Request, token: str, body: Annotated[bytes, body_of]) -> HTMLResponse:
        asked = confirmation_of(database, signer(), token, clock())
        if read_wish(request.headers.get("content-type", ""), body) is not Wish.PAGE:
            raise HTTPException(400)
        words = answers.words(request, asked.language, doors=True)
        lines = [words("confirm_title", newsletter=answers.site.name), words("confirm_text"), *asked.lists,
                 words("confirm_button")]  # fmt: skip
        shown = ShownWords(words.language, "\n".join(lines))
        done = confirm_signup(database, doors.journal, signer(), doors.rules, token, shown, clock())
        return answers.message("inbox" if done.standing is Standing.EXPIRED else "confirmed", words)

    return routes


def button_page(answers: Answers, key: str, words: Catalogue, lists: Sequence[str]) -> HTMLResponse:
    """A page with one button, which must be pressed for anything to change."""
    return answers.page(
        "button.html", words, {"key": key, "lists": lists, "field": FIELD, "agreed": AGREED, "action": ""}
    )


def _form(
    answers: Answers, signer: Signer, words: Catalogue, lists: Sequence[MailingList], filled: _Filled, now: datetime,
    *, fault: str = "", status: int = 200,
) -> HTMLResponse:  # fmt: skip
    """The form, signed now."""
    shown = _shown(answers, words, lists)
    payload = base32(int(now.timestamp()).to_bytes(_TIME_BYTES, "big")) + shown.hash
    values = {
        "lists": lists, "filled": filled, "fault": fault, "facts": _facts(answers, words), "trap": _TRAP,
        "token": signer.sign(Purpose.FORM, payload),
    }  # fmt: skip
    return answers.page("signup.html", words, values, status=status)


def _facts(answers: Answers, words: Catalogue) -> list[str]:
    """What somebody must know before they subscribe: who sends what and how often, and how to leave."""
    site = answers.site
    facts = [site.description] if site.description else []
    facts.append(words("form_sender", sender=site.legal_name or site.name))
    facts += [words("form_frequency", frequency=site.frequency)] if site.frequency else []
    return [*facts, words("form_withdraw")]


def _shown(answers: Answers, words: Catalogue, lists: Sequence[MailingList]) -> ShownWords:
    """The words of the form, which a consent is about."""
    lines = [words("subscribe_title", newsletter=answers.site.name), *_facts(answers, words)]
    lines += [one.name for one in lists]
    lines += [answers.site.privacy] if answers.site.privacy else []
    return ShownWords(words.language, "\n".join([*lines, words("subscribe_button")]))


def _is_ours(signer: Signer, token: str, shown: ShownWords, now: datetime) -> bool:
    """Whether the form is our page, with these words, posted neither at once nor a day later."""
    try:
        payload = signer.verify(Purpose.FORM, token)
    except LinkError:
        return False
    if payload[_TIME_LETTERS:] != shown.hash:
        return False
    made = datetime.fromtimestamp(_seconds(payload[:_TIME_LETTERS]), UTC)
    return _LEAST <= now - made <= _MOST


def _seconds(letters: str) -> int:
    return int.from_bytes(b32decode(letters.upper()), "big")


def _read(content_type: str, body: bytes) -> _Filled:
    fields = read_fields(content_type, body, _MAX_FIELDS)
    values = dict(reversed(fields))
    return _Filled(
        email=values.get("email", "")[:320].strip(),
        name=" ".join(clean(values.get("name", "")).split())[:_MAX_NAME],
        lists=tuple(value for name, value in fields if name == "list"),
        token=values.get("form", ""),
        language=values.get("language", ""),
        is_trapped=bool(values.get(_TRAP)),
    )
