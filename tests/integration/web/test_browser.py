"""The pages in a real browser: what people see and press, with JavaScript and without, and what cannot work there."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
import uvicorn
from integration.web.conftest import START
from PIL import Image

from newsletter.app.operating.new_project import start_project
from newsletter.app.project import Project, open_project
from newsletter.audience.consent import Consent
from newsletter.compiler.colour import contrast
from newsletter.compiler.theme import Palette
from newsletter.service import listen, url_of
from newsletter.storage.database import tables
from newsletter.tokens import Purpose
from newsletter.web.preview import Changes, export_preview, preview_app

if TYPE_CHECKING:
    from integration.web.conftest import World

pytestmark = pytest.mark.pictures


@contextmanager
def served(app: Callable[..., Any], before_end: Callable[[], None] = lambda: None) -> Iterator[str]:
    """The URL of an app on a real server in a thread."""
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield url_of(listening)
    finally:
        before_end()
        server.should_exit = True
        thread.join()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    start_project(tmp_path / "news")
    return open_project(tmp_path / "news", {})


@pytest.fixture
def preview(project: Project) -> Iterator[str]:
    """The URL of the welcome issue's page."""
    changes = Changes()
    with served(preview_app(lambda: project, changes), changes.close) as url:
        yield f"{url}/issues/welcome"


class Watched:
    """A page that writes down what its browser complains about."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))


@pytest.fixture(scope="module")
def idle() -> list[Watched]:
    """Pages that nobody looks at: opening one takes longer than most tests."""
    return []


@pytest.fixture
def open_page(browser: Any, idle: list[Watched]) -> Iterator[Callable[..., Watched]]:
    opened: list[Watched] = []

    def open_one(url: str, *, width: int = 1280, height: int = 720, scheme: str = "light") -> Watched:
        watched = idle.pop() if idle else Watched(browser.new_page())
        opened.append(watched)
        watched.page.set_viewport_size({"width": width, "height": height})
        watched.page.emulate_media(color_scheme=scheme)
        watched.page.goto(url)
        return watched

    yield open_one
    for watched in opened:
        watched.page.goto("about:blank")
        watched.complaints.clear()
    idle += opened


def paper_of(frame: Any) -> str:
    """The colour that the mail stands on."""
    return str(frame.locator("body").evaluate("body => getComputedStyle(body).backgroundColor"))


def pictures_of(frame: Any) -> list[int]:
    """The width of every image of a mail, 0 for one that could not be shown."""
    look = "image => image.decode().then(() => image.naturalWidth, () => 0)"
    return list(frame.locator("img").evaluate_all(f"images => Promise.all(images.map({look}))"))


def test_preview_shows_the_mail_with_its_pictures(preview: str, open_page: Callable[..., Watched]) -> None:
    watched = open_page(preview)
    mail = watched.page.frame_locator("iframe.light")
    mail.get_by_role("heading", name="Hello, and welcome aboard").wait_for()
    assert pictures_of(mail)
    assert all(pictures_of(mail))
    assert watched.complaints == []


def test_preview_switches_width_part_and_appearance(preview: str, open_page: Callable[..., Watched]) -> None:
    page = open_page(preview, scheme="dark").page  # the computer's own preference must not matter
    light, dark = page.frame_locator("iframe.light"), page.frame_locator("iframe.dark")
    light.get_by_role("heading").first.wait_for()
    page.locator("input[value='375']").check()
    assert page.locator("iframe.light").evaluate("frame => frame.clientWidth") == 375
    page.locator("input[value='700']").check()
    assert page.locator("iframe.light").evaluate("frame => frame.clientWidth") == 700
    page.locator("input[value='dark']").check()
    dark.get_by_role("heading").first.wait_for()
    assert not page.locator("iframe.light").is_visible()
    assert paper_of(light) != paper_of(dark)
    page.locator("input[value='text']").check()
    assert "welcome aboard" in page.locator("pre.text").inner_text().lower()
    page.locator("input[value='mjml']").check()
    assert page.locator("pre.mjml").inner_text().startswith("<mjml")
    page.get_by_role("link", name="de", exact=True).click()
    assert page.locator("pre.mjml").inner_text().startswith('<mjml lang="de"')  # what was chosen stays chosen


def shown(page: Any, view: str) -> Any:
    """The frame of one view, which must be the only one that is seen."""
    assert page.locator("iframe").evaluate_all(
        "frames => frames.filter(frame => frame.checkVisibility()).map(frame => frame.className)"
    ) == [view]
    frame = page.frame_locator(f"iframe.{view}")
    frame.get_by_role("heading").first.wait_for()
    return frame


def test_preview_shows_an_email_as_other_programs_do(preview: str, open_page: Callable[..., Watched]) -> None:
    page = open_page(preview).page
    assert all(pictures_of(shown(page, "light")))
    page.get_by_role("radio", name="No images").check()
    mail = shown(page, "light-no-images")
    assert pictures_of(mail)
    assert not any(pictures_of(mail))
    assert all(mail.locator("img").evaluate_all("images => images.map(image => image.offsetHeight > 0)"))
    page.get_by_role("radio", name="Dark").check()
    assert not any(pictures_of(shown(page, "dark-no-images")))
    page.get_by_role("radio", name="Images", exact=True).check()
    assert all(pictures_of(shown(page, "dark")))
    page.get_by_role("radio", name="No styles").check()
    assert shown(page, "plain").locator("style").count() == 0
    page.get_by_role("radio", name="Inverted").check()
    shown(page, "inverted").locator("img").first.evaluate("image => image.decode()")
    box = page.locator("iframe.inverted").bounding_box()
    left, middle = pixel(page, box["x"] + 8, box["y"] + 8), pixel(page, box["x"] + 350, box["y"] + 200)
    assert max(left) < 100
    assert max(middle) < 100


def pixel(page: Any, x: float, y: float) -> tuple[int, ...]:
    """The colour that is seen at one place of the window."""
    data = page.screenshot(clip={"x": x, "y": y, "width": 1, "height": 1})
    colour = Image.open(BytesIO(data)).convert("RGB").getpixel((0, 0))
    assert isinstance(colour, tuple)
    return colour


def test_preview_keeps_what_was_chosen_in_its_address(
    project: Project, preview: str, open_page: Callable[..., Watched]
) -> None:
    page = open_page(preview).page
    assert "#" not in page.url
    page.get_by_role("radio", name="320").check()
    page.get_by_role("radio", name="No images").check()
    assert page.url.partition("#")[2] == "width=320&images=off"
    other = open_page(page.url.replace("/en/", "/de/")).page
    assert shown(other, "light-no-images").locator("html").evaluate("html => html.clientWidth") == 320
    issue = project.issues / "welcome" / "issue.yaml"
    issue.write_text(issue.read_text().replace("Hello, and welcome aboard", "A title just saved"))
    page.locator("h1", has_text="A title just saved").wait_for()
    shown(page, "light-no-images")
    page.get_by_role("radio", name="700").check()
    page.get_by_role("radio", name="Images", exact=True).check()
    assert "#" not in page.url
    strange = open_page(f"{preview}#width=12&scheme=x%22%5D&images=&part=light")
    shown(strange.page, "light")
    assert strange.complaints == []


def test_preview_shows_the_whole_width_in_every_window(preview: str, open_page: Callable[..., Watched]) -> None:
    page = open_page(f"{preview}#width=700").page
    for window in (320, 720, 1024, 1400):
        page.set_viewport_size({"width": window, "height": 800})
        page.reload()
        mail = shown(page, "light")
        assert mail.locator("html").evaluate("html => html.clientWidth") == 700
        frame, part = page.locator("iframe.light").bounding_box(), page.locator(".part.mail").bounding_box()
        assert part["x"] <= frame["x"]
        assert frame["x"] + frame["width"] <= part["x"] + part["width"] + 1
        assert abs(frame["y"] + frame["height"] - part["y"] - part["height"]) <= 2
        assert part["x"] + part["width"] <= window
        told = page.locator(".fit")
        assert told.is_visible() == (window < 1400)
        page.set_viewport_size({"width": 1400, "height": 800})
        told.wait_for(state="hidden")
        assert page.locator("iframe.light").bounding_box()["width"] == 700


def test_preview_is_worked_by_keyboard_and_every_control_has_a_name(
    preview: str, open_page: Callable[..., Watched]
) -> None:
    page = open_page(preview).page
    for group, count in (("Part", 4), ("Width", 4), ("Appearance", 4), ("Images", 2)):
        assert page.get_by_role("group", name=group, exact=True).get_by_role("radio").count() == count
    assert page.locator("input").evaluate_all("inputs => inputs.every(input => input.labels[0].innerText)")
    titles = page.locator("iframe").evaluate_all("frames => frames.map(frame => frame.title)")
    assert len(set(titles)) == len(titles) == 8
    page.get_by_role("radio", name="Light").focus()
    page.keyboard.press("ArrowRight")
    shown(page, "dark")
    outline = "input => getComputedStyle(input.nextElementSibling).outlineStyle"
    assert page.get_by_role("radio", name="Dark").evaluate(outline) == "solid"


def test_list_counts_the_problems_of_the_rows_that_are_seen(
    project: Project, preview: str, open_page: Callable[..., Watched]
) -> None:
    text = "- text: '{{ subscriber.shoe | default(\"\") }} Hello'"
    text = f"title: Short\nlanguage: en\ndate: 2030-01-01\nblocks:\n  {text}\n"
    (project.issues / "short").mkdir()
    (project.issues / "short" / "issue.yaml").write_text(text)
    watched = open_page(preview.partition("/issues/")[0])
    row = watched.page.locator(".issues li").first
    row.locator(".count", has_text="warning").wait_for()
    row.locator(".pending").wait_for(state="detached")
    counted = row.locator(".counts").inner_text()
    row.get_by_role("link", name="Short").click()
    warnings = watched.page.locator("aside .problems > li.warning")
    warnings.first.wait_for()
    assert counted == f"{warnings.count()} warning" + "s" * (warnings.count() > 1)
    assert watched.complaints == []


def test_preview_follows_a_save_without_losing_ones_place(
    project: Project, preview: str, open_page: Callable[..., Watched]
) -> None:
    issue = project.issues / "welcome" / "issue.yaml"
    good = issue.read_text()
    watched = open_page(preview, width=1280, height=700)
    page = watched.page
    page.frame_locator("iframe.light").get_by_role("heading").first.wait_for()
    page.locator("input[value='375']").check()
    page.locator("iframe.light").evaluate("frame => frame.contentWindow.scrollTo(0, 200)")

    issue.write_text(good.replace("Hello, and welcome aboard", "A title just saved"))
    page.locator("h1", has_text="A title just saved").wait_for()
    page.frame_locator("iframe.light").get_by_role("heading", name="A title just saved").wait_for()
    assert page.locator("main").count() == 1
    assert page.locator("input[value='375']").is_checked()
    assert page.locator("iframe.light").evaluate("frame => frame.contentWindow.scrollY") == 200

    issue.write_text(good.replace("blocks:", "blokcs:"))
    page.locator(".failure").wait_for()
    assert page.locator("iframe").count() == 0
    assert "issues/welcome/issue.yaml" in page.locator(".failure .place").first.inner_text()
    assert "blocks" in page.locator(".failure").inner_text()

    issue.write_text(good)
    page.frame_locator("iframe.light").get_by_role("heading", name="Hello, and welcome aboard").wait_for()
    assert page.locator(".failure").count() == 0
    assert [
        one for one in watched.complaints if "404" not in one
    ] == []  # of the email that could not be made meanwhile


def test_preview_works_without_javascript(preview: str, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(preview)
    page.locator("input[value='html']").check()
    assert page.locator("pre.html").is_visible()
    page.locator("input[value='mail']").check()
    page.locator("input[value='dark']").check()
    assert page.locator("iframe.dark").is_visible()
    context.close()


@pytest.mark.parametrize(("window", "mail"), [(375, "375"), (1280, "700")])
def test_preview_begins_with_the_width_that_fits(
    preview: str, open_page: Callable[..., Watched], window: int, mail: str
) -> None:
    page = open_page(preview, width=window, height=800).page
    assert page.locator("input[name='width']:checked").input_value() == mail
    page.locator("input[value='free']").check()
    page.reload()
    assert page.locator("input[name='width']:checked").input_value() == "free"


@pytest.mark.parametrize(
    ("fault", "card", "told"),
    [
        ("{{ subscriber.colour | default('') }}", "aside", "no persona has the attribute"),
        ("{{ nothing.here }}", ".failure", "there is no"),
    ],
)
def test_preview_shows_the_very_words_that_are_wrong(
    project: Project, preview: str, open_page: Callable[..., Watched], fault: str, card: str, told: str
) -> None:
    issue = project.issues / "welcome" / "issue.yaml"
    issue.write_text(issue.read_text().replace('"Welcome aboard"', f'"{"Said at length. " * 15}{fault} and so on"'))
    page = open_page(preview).page
    for width in (375, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        page.reload()
        quote = page.locator(f"{card} .problems li", has_text=told).locator("pre")
        assert quote.locator("mark").inner_text() == "{"
        boxes = "mark => [mark, mark.closest('pre')].map(part => part.getBoundingClientRect().toJSON())"
        mark, box = quote.locator("mark").evaluate(boxes)
        assert box["left"] <= mark["left"] < mark["right"] <= box["right"]
        assert quote.evaluate("pre => pre.scrollWidth <= pre.clientWidth")


def test_preview_never_scrolls_sideways(project: Project, preview: str, open_page: Callable[..., Watched]) -> None:
    issue = project.issues / "welcome" / "issue.yaml"
    issue.write_text(issue.read_text().replace('"Welcome aboard"', f'"{"A subject that is quoted. " * 10}"'))
    page = open_page(preview).page
    for url in (preview, preview.partition("/issues/")[0]):
        for width in (320, 375, 768, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(url)
            assert page.locator("aside .problems pre").count() == (url == preview)
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_copy_of_the_preview_works_from_disk(
    project: Project, tmp_path: Path, open_page: Callable[..., Watched]
) -> None:
    (index, *_) = export_preview(project, tmp_path / "copy")
    page = open_page(index.as_uri()).page
    page.get_by_role("link", name="Hello, and welcome aboard").click()
    mail = page.frame_locator("iframe.light")
    mail.get_by_role("heading", name="Hello, and welcome aboard").wait_for()
    assert pictures_of(mail)
    assert all(pictures_of(mail))
    page.get_by_role("radio", name="No images").check()
    assert not any(pictures_of(shown(page, "light-no-images")))
    assert page.url.endswith("#images=off")
    page.get_by_role("link", name="de", exact=True).click()
    shown(page, "light-no-images")


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@pytest.mark.parametrize("javascript", [True, False])
def test_reader_leaves_and_comes_back_by_two_buttons(world: World, reader: str, browser: Any, javascript: bool) -> None:
    context = browser.new_context(java_script_enabled=javascript)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    with served(world.client.app) as url:
        page.goto(f"{url}/u/{world.token(Purpose.UNSUBSCRIBE, reader)}")
        assert page.locator("button").evaluate("button => button.clientHeight") >= 48
        page.get_by_role("button", name="Unsubscribe").click()
        page.get_by_role("heading", name="You are unsubscribed").wait_for()
        assert world.consents(1) == {1: "unsubscribed", 2: "unsubscribed", 3: "confirmed"}
        page.get_by_role("button", name="Subscribe again").click()
        page.get_by_role("heading", name="Welcome back").wait_for()
        assert world.consents(1) == {1: "confirmed", 2: "pending", 3: "confirmed"}
        assert context.cookies() == []
    assert complaints == []
    context.close()


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_reader_pages_never_scroll_sideways(world: World, open_page: Callable[..., Watched]) -> None:
    both = {1: Consent.CONFIRMED, 2: Consent.CONFIRMED}
    with served(world.client.app) as url:
        page = open_page(f"{url}/nowhere").page
        for number, language in enumerate(["en", "zh", "ar", "de", "fr"], 2):
            recipient = world.add(number, both, address=f"{language}@example.org", language=language)
            for width in (320, 375, 1280):
                page.set_viewport_size({"width": width, "height": 700})
                page.goto(f"{url}/u/{world.token(Purpose.UNSUBSCRIBE, recipient)}")
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (language, width)
                assert page.locator("main").evaluate("main => getComputedStyle(main).borderRadius") == "4px"


READING = """() => [...document.querySelectorAll("p, h1, bdi, button, a, address, span")]
  .filter((element) => [...element.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
  .map((element) => {
    let ground = element;
    while (getComputedStyle(ground).backgroundColor === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
    return [getComputedStyle(element).color, getComputedStyle(ground).backgroundColor];
  })"""


def hex_of(computed: str) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", computed)[:3])


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@pytest.mark.parametrize("written", [f"base: {name}\n" for name in ("digest", "letter", "magazine", "bulletin")] + [
    "structure: {masthead: cover}\n" + "".join(
        f"{scheme}: {{{', '.join(f'{key}: {chr(34)}#777777{chr(34)}' for key in Palette.model_fields)}}}\n"
        for scheme in ("light", "dark")
    ),
])  # fmt: skip
def test_reader_pages_can_be_read_in_every_theme(
    world: World, reader: str, tmp_path: Path, open_page: Callable[..., Watched], written: str
) -> None:
    world.wear(tmp_path, written)
    token = world.token(Purpose.UNSUBSCRIBE, reader)

    def read(page: Any) -> None:
        assert page.get_by_role("heading", level=1).count() == 1
        grounds = set()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            pairs = page.evaluate(READING)
            assert len(pairs) > 6
            assert [pair for pair in pairs if contrast(*map(hex_of, pair)) < 4.5] == [], scheme
            grounds.add(pairs[0][1])
        assert len(grounds) == (1 if "#777777" in written else 2)

    with served(world.client.app) as url:
        page = open_page(f"{url}/", width=375, height=700).page
        for path in ("/", "/nowhere", f"/u/{token}"):
            page.goto(url + path)
            read(page)
        page.get_by_role("button", name="Unsubscribe").click()
        page.get_by_role("heading", name="You are unsubscribed").wait_for()
        read(page)
        with world.database.write() as connection:
            connection.execute(sa.update(tables.lists).values(public=True))
            connection.execute(
                sa.update(tables.deliveries).values(state="finished", started_at=START, finished_at=START)
            )
        for path in ("/", "/archive/en/"):
            page.goto(url + path)
            page.get_by_role("link", name="Frontiers").wait_for()
            read(page)
            for width in (320, 1280):
                page.set_viewport_size({"width": width, "height": 700})
                assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_view_in_browser_shows_styles_and_images_and_runs_nothing(
    world: World, reader: str, open_page: Callable[..., Watched]
) -> None:
    with served(world.client.app) as url:
        watched = open_page(f"{url}/v/{world.token(Purpose.VIEW, reader)}")
        page = watched.page
        assert page.locator("p").evaluate("p => getComputedStyle(p).color") == "rgb(18, 52, 86)"
        page.evaluate(
            "src => { const image = document.createElement('img'); image.src = src; image.id = 'own';"
            "document.body.append(image); document.body.insertAdjacentHTML('beforeend',"
            "'<img id=bad src=x onerror=\"document.title=1\"><script>document.title=2</scr' + 'ipt>') }",
            f"{url}/assets/0123456789abcdef0123456789abcdef.png",
        )
        page.locator("#own").evaluate("image => image.decode().catch(() => null)")
        assert page.locator("#own").evaluate("image => image.naturalWidth") == 1
        assert page.title() not in ("1", "2")
