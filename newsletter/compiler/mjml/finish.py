"""Finish: the HTML of mjml-python → the HTML we send: what its converter leaves out, and the author's inline CSS.

premailer's door. It is given only the rules of `<mj-style inline="inline">`, in the one configuration that leaves
doctype, style tags, Outlook's comments and image sizes as they are; everything else about it does harm to mail.
"""

import html
import logging
import re
from collections import Counter
from collections.abc import Callable

from newsletter.compiler.mjml.together import keep_together
from newsletter.errors import NewsletterError

_INLINE_STYLE = re.compile(r"<mj-style\b[^>]*\binline=[\"']inline[\"'][^>]*>(.*?)</mj-style>", re.DOTALL)
_TAG = re.compile(r"<[A-Za-z](?:[^<>\"']|\"[^\"]*\"|'[^']*')*>")
_COLOUR = re.compile(r"(?i)\b(bgcolor|color|fillcolor|strokecolor)=\"#([0-9a-f]{3})\"")
_STYLE = re.compile(r"(?is)\bstyle=\"[^\"]*\"")
_SHORT_HEX = re.compile(r"(?i)(?<=[:\s,])#([0-9a-f]{3})(?![0-9a-f\w])")
_OUTLOOK = re.compile(r"<!--\[if (?P<condition>[^\]]+)\]>(?!<!-->)(?P<body>(?:(?!-->).)*?)<!\[endif\]-->", re.DOTALL)
_TEXT_FONT = re.compile(r"<div style=\"(font-family:[^;\"]+;)(?=font-size:)")  # as MJML begins each text
_BODY = re.compile(r"<div [^>]*?\brole=\"article\"[^>]*? style=\"")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_FIXED_HEIGHT = re.compile(r"height:\d+px;width:100%")
_CODE = re.compile(r"<(?:code|pre)\b")
_IGNORE = ' data-premailer="ignore"'


class StylesheetError(NewsletterError, ValueError):
    """The CSS of `<mj-style inline="inline">` cannot be inlined."""


def take_inline_css(mjml: str) -> tuple[str, str]:
    """MJML without `<mj-style inline="inline">`, which mjml-python would write as a common style; and its CSS."""
    css = "\n".join(html.unescape(text) for text in _INLINE_STYLE.findall(mjml))
    # Line ends stay, so that a complaint about a later line still names the right one.
    return _INLINE_STYLE.sub(lambda match: "\n" * match.group().count("\n"), mjml), css.strip()


def finish(markup: str, *, language: str, direction: str, css: str) -> str:
    """The HTML as it is sent. Raises StylesheetError when `css` cannot be inlined."""
    markup = re.sub(r"(?i)\A\s*<!doctype html>", "<!DOCTYPE html>", markup)
    markup = _say_language(markup, language, direction)
    markup = inherit_font(merge_outlook_comments(markup))
    markup = keep_together(markup, direction)
    if css:
        markup = inline_css(markup, css)
    markup = _TAG.sub(lambda match: _complete_tag(match.group()), markup)  # last: cssutils shortens colours again
    return markup if markup.endswith("\n") else markup + "\n"


def merge_outlook_comments(markup: str) -> str:
    """Join conditional comments of the same condition with nothing between them: 2 kB of a long mail."""
    parts: list[str] = []
    at, condition = 0, ""
    for match in _OUTLOOK.finditer(markup):
        between = markup[at : match.start()]
        if condition == match["condition"] and not between.strip():
            parts[-1:] = [match["body"], "<![endif]-->"]
        else:
            parts += [between, f"<!--[if {match['condition']}]>", match["body"], "<![endif]-->"]
        at, condition = match.end(), match["condition"]
    return "".join([*parts, markup[at:]])


def inherit_font(markup: str) -> str:
    """Set the font that most texts share once, around all of them: tables inherit it even in quirks mode."""
    fonts, body = Counter(_TEXT_FONT.findall(markup)), _BODY.search(markup)
    if not fonts or body is None:
        return markup
    ((font, _),) = fonts.most_common(1)
    own = _TEXT_FONT.sub(lambda text: text.group().replace(font, "") if text[1] == font else text.group(), markup)
    return f"{own[: body.end()]}{font}{own[body.end() :]}"


def inline_css(markup: str, css: str) -> str:
    """Write rules into the `style` attributes of the elements they select; nothing else changes.

    Rules that cannot be inlined (`@media`, `@font-face`) belong into `<mj-style>` without `inline`.
    """
    rule = re.search(r"@[a-z-]+", re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL))
    if rule:
        # cssutils fetches @import over the network whatever it is told; the others have no meaning in an attribute.
        raise StylesheetError(
            f"{rule.group()} cannot stand in an inlined style",
            hint='Put it into an <mj-style> without inline="inline"',
        )
    from premailer import Premailer  # 150 ms that mails without inlined rules need not pay

    guarded = _outside_comments(markup, lambda text: re.sub(r"<style\b", f"<style{_IGNORE}", text))
    inliner = Premailer(
        guarded,
        css_text=css,
        allow_network=False,
        strip_important=False,
        keep_style_tags=False,
        disable_validation=True,
        cache_css_parsing=True,
        include_star_selectors=False,
        align_floating_images=False,
        remove_unset_properties=False,
        disable_basic_attributes=["align", "valign", "bgcolor", "width", "height"],
        cssutils_logging_level=logging.CRITICAL,
    )
    return str(inliner.transform(pretty_print=False)).replace(_IGNORE, "")


def _outside_comments(markup: str, change: Callable[[str], str]) -> str:
    parts: list[str] = []
    at = 0
    for match in _COMMENT.finditer(markup):
        parts += [change(markup[at : match.start()]), match.group()]
        at = match.end()
    return "".join([*parts, change(markup[at:])])


def _say_language(markup: str, language: str, direction: str) -> str:
    """Set `lang` and `dir` on the html element, whatever the layout says: screen readers and search go by them."""

    def rewrite(match: re.Match[str]) -> str:
        others = re.sub(r"\s(?:lang|dir)=\"[^\"]*\"", "", match[1])
        return f'<html lang="{html.escape(language)}" dir="{direction}"{others}>'

    return re.sub(r"<html\b([^>]*)>", rewrite, markup, count=1)


def _complete_tag(tag: str) -> str:
    """Long colours, which old Outlook and Notes need; an `alt` for every image, or its file name is read out; its own
    ratio for one that is as wide as its column, whose height MJML fixes; the direction of code.
    """
    tag = _COLOUR.sub(lambda match: f'{match[1]}="#{_long(match[2])}"', tag)
    tag = _STYLE.sub(lambda match: _SHORT_HEX.sub(lambda short: f"#{_long(short[1])}", match.group()), tag)
    if tag.startswith("<img"):
        tag = _FIXED_HEIGHT.sub("height:auto;width:100%", tag)
        tag = tag if re.search(r"\salt=", tag) else f'<img alt=""{tag[4:]}'
    elif _CODE.match(tag) and not re.search(r"\sdir=", tag):
        tag = f'{tag[:-1]} dir="ltr">'
    return tag


def _long(short: str) -> str:
    return "".join(digit * 2 for digit in short)
