"""A browser, and the mails it shows: the real issues, and made-up ones for what these do not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from screens import ASSETS, Screens

from newsletter.app.issues.editions import compile_editions
from newsletter.app.project import Project, open_project
from newsletter.authoring.blocks.highlights import Article, HighlightsBlock
from newsletter.authoring.blocks.simple.button import ButtonBlock
from newsletter.authoring.blocks.simple.heading import HeadingBlock
from newsletter.authoring.blocks.simple.image import ImageBlock
from newsletter.authoring.blocks.simple.links import LinksBlock, ListItem
from newsletter.authoring.blocks.simple.quote import QuoteBlock
from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.authoring.image import ImageFile, read_image
from newsletter.authoring.issue import Content, Issue, SourceLink
from newsletter.authoring.load import find_issues, load_issue
from newsletter.authoring.parts import Author, Picture
from newsletter.compiler.edition import Edition
from newsletter.problem import Place, Severity

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def all_screens(browser: Any) -> Screens:
    return Screens(browser)


@pytest.fixture
def screens(all_screens: Screens) -> Iterator[Screens]:
    yield all_screens
    all_screens.close()


@pytest.fixture(scope="session")
def project() -> Project:
    return open_project(ROOT, {})


@pytest.fixture(scope="session")
def editions(project: Project) -> Mapping[str, Edition]:
    """Every mail the tests look at: `<slug>/<language>`, and `made-up/…`."""
    found: dict[str, Edition] = {}
    for file in find_issues([project.issues], root=project.folder):
        issue = load_issue(file, root=project.folder).issue
        assert issue is not None
        found |= {f"{issue.slug}/{tag}": edition for tag, edition in _compile(project, issue).items()}
    hero = read_image(ROOT / "issues" / "2024-01-25-frontiers-of-llms" / "hero.png", ROOT)
    made_up = {
        "ar": _arabic(hero), "he": _hebrew(hero), "sixty": _sixty(hero), "narrow": _narrow(), "endings": _endings(),
        "code": replace(_arabic(hero), blocks=(TextBlock(_CODE),)),
    }  # fmt: skip
    for name, content in made_up.items():
        issue = Issue(f"made-up-{name}", Path("issue.yaml"), content.language, {content.language: content})
        found[f"made-up/{name}"] = _compile(project, issue)[content.language]
    return found


def _compile(project: Project, issue: Issue) -> Mapping[str, Edition]:
    compilation = compile_editions(project, issue, assets_url=ASSETS)
    assert [problem for problem in compilation.problems if problem.severity is Severity.ERROR] == []
    return compilation.editions


_PLACES = {"": Place("issue.yaml", 1, 1)}
_CODE = "اتصل على 030-1234567 ثم شغّل `pip install x --user` الآن.\n\n```\na = 1 - 2\n```"
_LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen"


def _arabic(hero: ImageFile) -> Content:
    return Content(
        language="ar",
        places=_PLACES,
        title="حدود جديدة للنماذج اللغوية: مفاضلات وأدوات",
        date=date(2024, 1, 25),
        subtitle="مقالات عن تشغيل النماذج الكبيرة في العمل الحقيقي",
        authors=(Author("هيئة التحرير", url="https://news.test/editors", avatar=hero),),
        reading_time=3,
        source=SourceLink("https://news.test/original"),
        hero=Picture(hero, alt="تلال عند الغروب", credit="رسم [المحررين](https://news.test/editors)"),
        blocks=(
            TextBlock("قبل عامين لم يكن لكلمات مثل *الاسترجاع* أو **الضبط** معنى خارج دوائر البحث."),
            HeadingBlock("يستحق ساعة من أسبوعك"),
            HighlightsBlock(
                (
                    Article("أربع بتات تكفي", url="https://news.test/1", authors=_authors(1), summary="نظرة صادقة."),
                    Article("خريطة المبتدئين", authors=_authors(3), summary="كم من التخطيط يمكن تركه للنموذج؟"),
                )
            ),
            QuoteBlock("النموذج وحده غريب ذكي.", by="Ines Example"),
            ButtonBlock("اكتب مقالتك", "https://news.test/write"),
        ),
        closing="إلى اللقاء،",
        signature="المحررون",
    )


def _hebrew(hero: ImageFile) -> Content:
    return replace(
        _arabic(hero),
        language="he",
        title="הגבולות החדשים של מודלי השפה",
        subtitle="",
        blocks=(
            TextBlock("לפני שנתיים איש לא דיבר על *אחזור*."),
            HighlightsBlock(
                (Article("ארבע סיביות", authors=_authors(2), summary="מבט כן.", reading_time=11, label="Opinion"),)
            ),
            QuoteBlock("מודל לבדו הוא זר חכם.", by="Ines Example"),
        ),
    )


def _sixty(hero: ImageFile) -> Content:
    articles = [
        Article(
            f"Article {number} has a title of the usual length",
            url=f"https://news.test/articles/{number}",
            authors=_authors(1),
            summary="A walk through the whole process. It takes an honest look at what each step costs, and says so.",
            reading_time=number + 1,
        )
        for number in range(60)
    ]
    return Content(
        language="en",
        places=_PLACES,
        title="Sixty articles",
        date=date(2024, 1, 25),
        hero=Picture(hero, alt="Hills at dusk"),
        blocks=(HighlightsBlock(tuple(articles)),),
    )


def _narrow() -> Content:
    """Everything that could push a narrow screen sideways."""
    picture = Picture(read_image(ROOT / "issues" / "2024-01-25-frontiers-of-llms" / "mosaic.png", ROOT), alt="A lake")
    return Content(
        language="de",
        places=_PLACES,
        title=_LONG,
        date=date(2024, 1, 25),
        subtitle=_LONG,
        authors=(Author(_LONG, url="https://news.test/long", avatar=picture.file), *_authors(2)),
        source=SourceLink("https://news.test/original"),
        blocks=(
            TextBlock(f"{_LONG} `{_LONG}`\n\n```\n{_LONG} {_LONG}\n```\n\n> {_LONG}\n\n- {_LONG}\n\n---\n\n## {_LONG}"),
            HeadingBlock(_LONG),
            HighlightsBlock(
                (Article(_LONG, authors=_authors(2), summary=_LONG, label=_LONG, picture=picture), picture)
            ),
            ImageBlock(replace(picture, caption=_LONG, credit=_LONG)),
            LinksBlock((ListItem(f"[{_LONG}](https://news.test/{_LONG.encode('ascii', 'ignore').decode()})"),)),
            QuoteBlock(_LONG, by=_LONG),
            ButtonBlock("Jetzt mitschreiben", "https://news.test/write"),
        ),
        signature=_LONG,
    )


def _endings() -> Content:
    """Texts that end with something else than a paragraph."""
    texts = (
        "Words.\n\n- One\n- Two",
        "> Somebody said\n>\n> this.",
        "```\na = 1\n```",
        "1. One\n\n   - Two\n\n     Three",
    )
    return Content(
        language="en", places=_PLACES, title="Endings", date=date(2024, 1, 25), blocks=tuple(map(TextBlock, texts))
    )


def _authors(count: int) -> tuple[Author, ...]:
    names = ("Ada Example", "Björn Example", "Chiara Example")
    return tuple(Author(name, url="" if name.startswith("B") else "https://news.test/a") for name in names[:count])
