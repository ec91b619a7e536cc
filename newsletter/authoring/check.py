"""check: the editorial rules, each a function from a content to warnings. Comes after `load`.

An editor may have reasons to ignore them. What would disturb readers is an error, found by `proofread`.
"""

import re
from collections.abc import Callable, Iterator

from newsletter.authoring.blocks.columns import Column
from newsletter.authoring.blocks.highlights import Article
from newsletter.authoring.blocks.read_more import ReadMoreBlock
from newsletter.authoring.blocks.simple.button import ButtonBlock
from newsletter.authoring.blocks.simple.heading import HeadingBlock
from newsletter.authoring.blocks.simple.image import ImageBlock
from newsletter.authoring.fields.rewrite import nouns_in
from newsletter.authoring.issue import Content, Issue
from newsletter.columns import columns
from newsletter.expression import FIELD
from newsletter.problem import Problem, Severity

MIN_WIDTH = 600
"""Pixels: the width of an email."""
MAX_SUBJECT = 80
"""Columns, of which a CJK character takes two; inboxes cut around there."""
MAX_PREHEADER = 160
MAX_LABEL_WORDS = 4
MAX_LABEL_COLUMNS = 30

_LINK = re.compile(r"\]\(|<https?://")


def check_issue(issue: Issue) -> list[Problem]:
    """Warnings in every language of the issue; one that several languages share is given once."""
    found = (problem for tag in issue.languages for rule in RULES for problem in rule(issue.contents[tag]))
    return list(dict.fromkeys(found))


def small_pictures(content: Content) -> Iterator[Problem]:
    """A picture as wide as the email needs as many pixels, better twice as many."""
    wide = [content.hero] if content.hero else []
    wide += [block.picture for block in content.blocks if isinstance(block, ImageBlock)]
    for picture in wide:
        if picture.file.width < MIN_WIDTH:
            message = f"this picture is {picture.file.width} pixels wide and will look blurred or small"
            yield _problem(content, "small-picture", message, f"{picture.path}.image", f"Use {2 * MIN_WIDTH} pixels.")


def articles_without_link(content: Content) -> Iterator[Problem]:
    """A highlighted article that leads nowhere: no url, no linked author, no link in its summary."""
    for article in nouns_in(content, Article):
        leads = article.url or _LINK.search(article.summary) or any(author.url for author in article.authors)
        if not leads:
            message = "this article has no link at all"
            yield _problem(content, "article-without-link", message, article.path, "Add its url, or link its author.")


def repeated_urls(content: Content) -> Iterator[Problem]:
    """The same article twice, most likely by copy and paste."""
    seen: dict[str, Article] = {}
    for article in nouns_in(content, Article):
        url = article.url.partition("#")[0].rstrip("/")
        if url and url in seen:
            first = content.place(f"{seen[url].path}.url")
            message = f"this is also the link of the article in line {first.line}"
            yield _problem(content, "duplicate-url", message, f"{article.path}.url")
        seen.setdefault(url, article)


def buttons(content: Content) -> Iterator[Problem]:
    """One call to action, in two or three words."""
    blocks = list(nouns_in(content.blocks, ButtonBlock))
    for block in blocks[1:]:
        message = "a second button: readers follow one call to action, not several"
        yield _problem(content, "many-buttons", message, f"{block.path}.button", "Make it a link in a text.")
    for block in blocks:
        label = FIELD.sub("name", block.label)
        if len(label.split()) > MAX_LABEL_WORDS or columns(label) > MAX_LABEL_COLUMNS:
            message = f"the label of a button has at most {MAX_LABEL_WORDS} words"
            yield _problem(content, "long-button", message, f"{block.path}.button")


def inbox_lines(content: Content) -> Iterator[Problem]:
    """Subject and preheader fit into the row of an inbox."""
    for key, text, limit in (
        ("subject", content.subject, MAX_SUBJECT),
        ("preheader", content.preheader, MAX_PREHEADER),
    ):
        taken = columns(FIELD.sub("a reader", text))
        if taken > limit:
            path = key if key in content.places else "title"
            message = f"the {key} takes {taken} columns; inboxes cut after about {limit}"
            yield _problem(content, f"long-{key}", message, path, f"Write a shorter {key}.")


def headings(content: Content) -> Iterator[Problem]:
    """A heading needs something below it."""
    for blocks in (content.blocks, *(column.blocks for column in nouns_in(content.blocks, Column))):
        for block, below in zip(blocks, (*blocks[1:], None), strict=True):
            if isinstance(block, HeadingBlock) and (below is None or isinstance(below, HeadingBlock)):
                yield _problem(content, "empty-heading", "there is nothing below this heading", f"{block.path}.heading")


def ends(content: Content) -> Iterator[Problem]:
    """The email ends once, and its web page has more than the email."""
    found = [block for block in content.blocks if isinstance(block, ReadMoreBlock)]
    for block in found[1:]:
        message = "the email ends at the first read_more; this one is shown nowhere"
        yield _problem(content, "second-read-more", message, f"{block.path}.read_more", "Delete it.")
    if found and isinstance(content.blocks[-1], ReadMoreBlock) and len(found) == 1:
        message = "nothing follows: the web page would have no more than the email"
        hint = "Put it above the blocks that only the page shows, or delete it."
        yield _problem(content, "nothing-more", message, f"{found[0].path}.read_more", hint)


Rule = Callable[[Content], Iterator[Problem]]
RULES: tuple[Rule, ...] = (
    small_pictures, articles_without_link, repeated_urls, buttons, inbox_lines, headings, ends,
)  # fmt: skip


def _problem(content: Content, rule: str, message: str, path: str, hint: str = "") -> Problem:
    return Problem(rule, message, content.place(path), Severity.WARNING, path, hint)
