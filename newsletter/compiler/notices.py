"""Notices: the emails that answer what one person did, compiled from `templates/notices/` like issues.

Before: the words of one language and a project's theme. After: an Edition for `delivery/compose`. Its merge fields are
`newsletter`, `lists` and `action` (where the button leads): no text of a visitor is among them.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from markupsafe import Markup

from newsletter.audience.notice import WITH_OPT_OUT, NoticeKind
from newsletter.authoring.blocks.simple.button import ButtonBlock
from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.authoring.files import names_in, read_file
from newsletter.authoring.issue import Content
from newsletter.compiler.context import Context, Links
from newsletter.compiler.edition import Edition, Identity, SlotKind
from newsletter.compiler.fingerprint import fingerprint
from newsletter.compiler.mjml.templates import Templates
from newsletter.compiler.slots import Slots
from newsletter.compiler.wording.plaintext import write_notice
from newsletter.errors import ConfigError
from newsletter.expression import parse_field
from newsletter.language import best_match, direction_of
from newsletter.source import MAX_BYTES

FALLBACK = "en"
_FOLDER, _SUFFIX = "notices", ".toml"
_LAYOUT = "notices/notice"
_FIELDS = ("newsletter", "lists")
_PLACE = re.compile(r"\{([^{}]*)\}|[{}]")
_KEYS = ("subject", "title", "text", "button", "after", "why")


def notice_languages(folders: Sequence[Path], root: Path) -> list[str]:
    """The languages that have words, the project's own too."""
    return sorted({name for folder in folders for name in _names(folder, root if folder is not folders[-1] else None)})


def notice_language(folders: Sequence[Path], root: Path, wishes: Sequence[str]) -> str:
    """The first of these languages that has words."""
    return best_match(wishes, notice_languages(folders, root)) or FALLBACK


def compile_notice(
    kind: NoticeKind, language: str, *, templates: Templates, folders: Sequence[Path], root: Path, identity: Identity,
    home_url: str,
) -> Edition:  # fmt: skip
    """One notice in one language. Raises AuthoringError for a template, ConfigError for words that cannot be used."""
    words = _words(kind, language, folders, root)
    slots = Slots(fingerprint(kind.value, language, words, identity)[:12])
    fields = {name: slots.marker(parse_field(f"subscriber.{name}"), SlotKind.TEXT) for name in _FIELDS}
    if direction_of(language) == "rtl":  # a name in another direction must not turn the sentence around it
        fields = {name: f"\u2068{marker}\u2069" for name, marker in fields.items()}
    try:
        said = {key: _PLACE.sub(lambda place: fields[place[1]], text) for key, text in words.items()}
        blocks: list[TextBlock | ButtonBlock] = [TextBlock(said["text"], path="blocks[0]")]
        if said.get("button"):
            url = slots.marker(parse_field("subscriber.action"), SlotKind.URL)
            blocks.append(ButtonBlock(said["button"], url, path="blocks[1]"))
        if said.get("after"):
            blocks.append(TextBlock(said["after"], path="blocks[2]"))
        subject, title, why = said["subject"], said["title"], said["why"]
    except KeyError as error:
        message = f"The words of the notice {kind!r} in {language} cannot be used: {error}"
        hint = f"A notice has {', '.join(_KEYS)}; values in braces are {', '.join(_FIELDS)}"
        raise ConfigError(message, hint=hint) from None
    loaded = templates.theme("default")
    theme = loaded.theme or Templates(folders[-1:], root=root).theme("default").theme
    assert theme is not None, "the program's own theme has no error"
    content = Content(language, title, date.min, tuple(blocks), subject=subject, closing=why)
    links = Links(slots.link("unsubscribe") if kind in WITH_OPT_OUT else "", "", home_url)
    context = Context(_LAYOUT, content, theme, identity, language, direction_of(language), subject, Markup(""), links)
    rendered = templates.render(_LAYOUT, context, slots, "")
    html, text = templates.to_html(rendered, context), write_notice(context, slots)
    return Edition(
        issue=f"notice-{kind}", language=language, direction=context.direction, title=title, subject=subject,
        preheader="", html=html, text=text, mjml=rendered.mjml, slots=slots.used_in(subject, html, text), links=(),
        assets=(), identity=identity, hash=fingerprint(kind.value, language, words, theme, rendered.sources, identity),
    )  # fmt: skip


def _words(kind: NoticeKind, language: str, folders: Sequence[Path], root: Path) -> Mapping[str, str]:
    """The words of a notice: the project's key by key over the program's own."""
    words: dict[str, Any] = {}
    for folder in reversed(folders):
        file = folder / _FOLDER / f"{language}{_SUFFIX}"
        try:
            data = read_file(file, None if folder is folders[-1] else root, MAX_BYTES)
            words |= tomllib.loads(data.decode()).get(kind.value, {})
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(f"{file} cannot be used: {error}", hint="It must be a TOML file in UTF-8") from error
    wrong = next((key for key, value in words.items() if key not in _KEYS or not isinstance(value, str)), None)
    if wrong is not None:
        raise ConfigError(f"The notice {kind!r} in {language} has a key {wrong!r} that is none, or no text",
                          hint=f"There are: {', '.join(_KEYS)}")  # fmt: skip
    return words


def _names(folder: Path, root: Path | None) -> list[str]:
    try:
        found = names_in(folder / _FOLDER, root)
    except OSError:
        return []
    return [name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)]
