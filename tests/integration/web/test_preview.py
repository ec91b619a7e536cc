"""The preview's pages over the program's own starter project: what is shown, to whom, and what follows a mistake."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from html import unescape
from pathlib import Path
from threading import Event

import pytest
from starlette.testclient import TestClient

from newsletter.app.issues.examine import Examined
from newsletter.app.issues.preview import summary
from newsletter.app.operating.new_project import start_project
from newsletter.app.project import Project, open_project
from newsletter.authoring.persona import BUILT_IN
from newsletter.web.preview import Changes, export_preview, preview_app
from newsletter.web.preview.frame import VIEWS

SHEET = "/issues/welcome/en/"
CHECKED = ("/", SHEET + "reader.html", "/issues/none/en/reader.html", "/nowhere", "/assets/no.png", "/static/no.css")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "news"
    start_project(folder)
    return open_project(folder, {})


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def client(project: Project, changes: Changes) -> Iterator[TestClient]:
    app = preview_app(partial(open_project, project.folder, {}), changes)
    with TestClient(app, base_url="http://localhost:8001", follow_redirects=False) as opened:
        yield opened


def issue_file(project: Project) -> Path:
    return project.issues / "welcome" / "issue.yaml"


def first_sheet(client: TestClient) -> str:
    """The page of the welcome issue in its own language."""
    answer = client.get("/issues/welcome")
    assert answer.status_code == 307
    return str(answer.headers["location"])


def test_issues_are_listed_with_their_languages(client: TestClient) -> None:
    page = client.get("/").text
    assert "Hello, and welcome aboard" in page
    assert re.findall(r'hreflang="(\w+)"', page) == ["en", "de"]
    for link in re.findall(r'href="(issues/[^"]+)"', page):
        assert client.get(f"/{link}").status_code == 200


def write_issue(project: Project, slug: str, text: str) -> None:
    (project.issues / slug).mkdir()
    (project.issues / slug / "issue.yaml").write_text(text, encoding="utf-8")


def test_issues_are_listed_by_date_the_newest_first_and_before_them_what_cannot_be_read(
    project: Project, client: TestClient, tmp_path: Path
) -> None:
    for slug, date in (("aa", "2025-03-01"), ("zz", "2023-01-01"), ("b-old", "2022-01-01"), ("c-same", "2025-03-01")):
        write_issue(project, slug, f"title: Of {slug}\nlanguage: en\ndate: {date}\nblocks:\n  - text: Hello\n")
    write_issue(project, "bad", "title: [unclosed\n")
    issue_file(project).write_text(re.sub(r"(?m)^date:.*$", "date: 2024-01-01", issue_file(project).read_text()))
    order = ["bad", "c-same", "aa", "welcome", "zz", "b-old"]
    for page in (client.get("/").text, export_preview(project, tmp_path / "copy")[0].read_text(encoding="utf-8")):
        assert re.findall(r'<h2><a dir="auto" href="issues/([\w-]+)/', page) == order


def test_list_counts_what_the_issue_itself_shows(project: Project, client: TestClient, tmp_path: Path) -> None:
    def row(page: str) -> str:
        own = page.partition(f"{SHEET.removeprefix('/')}")[2].partition('class="counts"')[2].partition("</li>")[0]
        return " ".join(re.sub("<[^>]*>", " ", own.partition(">")[2]).split())

    write_issue(project, "welcome2", "title: [unclosed\n")
    translation = project.issues / "welcome" / "issue.de.yaml"
    translation.write_text(re.sub(r"(?m)^preheader:.*\n", "", translation.read_text()))
    listed = client.get("/").text
    assert 'data-counts="issues/welcome/counts"' in listed
    counted = client.get("/issues/welcome/counts").text
    sheet = client.get(first_sheet(client)).text
    errors, warnings = (len(re.findall(f'<li class="{kind}">', sheet)) for kind in ("error", "warning"))
    assert errors + warnings > 0
    assert re.findall(r"(\d+) error", counted) == ([str(errors)] if errors else [])
    assert re.findall(r"(\d+) warning", counted) == ([str(warnings)] if warnings else [])
    again = client.get("/").text  # what was compiled meanwhile is known
    assert re.findall('data-counts="([^"]+)"', again) == ["issues/welcome2/counts"]
    assert row(again) == " ".join(re.sub("<[^>]*>", " ", counted).split())
    copy = export_preview(project, tmp_path / "copy")[0].read_text(encoding="utf-8")
    assert row(copy) == row(again)
    assert "data-counts" not in copy
    assert client.get("/issues/none/counts").status_code == 404


def test_list_does_not_wait_for_an_issue_that_is_being_compiled(
    project: Project, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed, begun = Event(), Event()

    def compile_slowly(*_: object) -> Examined:
        begun.set()
        assert listed.wait(20), "the list waited"
        return summary(project, issue_file(project))

    monkeypatch.setattr("newsletter.web.preview.cache.look", compile_slowly)
    with ThreadPoolExecutor(1) as pool:
        count = pool.submit(client.get, "/issues/welcome/counts")
        assert begun.wait(20)
        assert "Hello, and welcome aboard" in client.get("/").text
        listed.set()
        assert count.result().status_code == 200


def test_project_without_issues_says_how_to_begin(project: Project, client: TestClient) -> None:
    (project.issues).rename(project.folder / "elsewhere")
    assert "newsletter new" in client.get("/").text


def test_sheet_shows_subject_sources_size_and_frames(client: TestClient) -> None:
    url = first_sheet(client)
    page = client.get(url).text
    assert "Welcome aboard" in page
    assert "&lt;mjml" in page
    assert "&lt;!doctype html" in page.lower()
    assert "{{ subscriber.name" in unescape(page)  # in the sources merge fields stand as the author wrote them
    assert re.search(r"\d+\.\d kB <small>of 99 kB", page)
    frames = re.findall(r'<iframe[^>]*sandbox="([^"]*)"[^>]*src="([^"]*)"', page, re.DOTALL)
    assert [source.rpartition(".html")[0].partition(".")[2] for _, source in frames] == list(VIEWS)
    assert all("allow-scripts" not in sandbox for sandbox, _ in frames)


def test_mail_is_filled_for_the_persona_and_cut_off_from_everything(client: TestClient) -> None:
    url = first_sheet(client).removesuffix(".html")
    answer = client.get(url + ".dark.html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "allow-scripts" not in policy
    assert "sandbox allow-same-origin" in policy
    assert "frame-ancestors 'self'" in policy
    assert '<base target="_blank">' in answer.text
    assert "prefers-color-scheme" not in answer.text
    images = re.findall(r'<img[^>]*src="([^"]+)"', answer.text)
    assert images
    for image in images:
        shown = client.get(f"{url.rpartition('/')[0]}/{image}")
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")


def test_mail_of_one_language_comes_before_the_others_are_compiled(client: TestClient, changes: Changes) -> None:
    url = first_sheet(client).replace(".html", ".light.html")
    whole = client.get(url).text
    changes.tell()
    assert client.head(url).status_code == 200
    assert client.get(url).text == whole  # before anything else of the issue was looked at
    assert client.get(url.replace("/en/", "/xx/")).status_code == 404


def test_mail_has_no_personal_link_that_works(client: TestClient) -> None:
    mail = client.get(first_sheet(client).removesuffix(".html") + ".light.html").text
    assert "/u/" not in mail
    assert "/v/" not in mail
    assert 'href="http://localhost:8000/u"' in mail


def test_each_persona_sees_the_mail_as_it_would_get_it(project: Project, client: TestClient) -> None:
    (project.issues / "personas.yaml").write_text(
        "- id: plain\n  name: Ada <b>Kettle</b>\n- id: nobody\n", encoding="utf-8"
    )
    written = issue_file(project).read_text(encoding="utf-8").replace("this line", "{{ subscriber.email }}, this line")
    issue_file(project).write_text(written, encoding="utf-8")
    assert "Ada &lt;b&gt;Kettle&lt;/b&gt;" in client.get(SHEET + "plain.light.html").text
    assert "Ada &lt;b&gt;Kettle&lt;/b&gt;" in client.get(SHEET + "plain.html").text
    assert f"Hello there, {BUILT_IN.email}, this line" in client.get(SHEET + "nobody.light.html").text
    for name in ("gone.html", "gone.light.html"):
        lost = client.get(SHEET + name)
        assert (lost.status_code, "no longer exists" in lost.text) == (404, True)


def test_error_stands_in_place_of_the_mail(project: Project, client: TestClient, changes: Changes) -> None:
    url = first_sheet(client)
    good = issue_file(project).read_text()
    issue_file(project).write_text(good.replace("hero.png", "heroo.png <script>"))
    changes.tell()
    page = client.get(url).text
    assert "<iframe" not in page
    line = good[: good.index("hero.png")].count("\n") + 1
    assert f"issues/welcome/issue.yaml:{line}:10" in page
    assert "<mark>h</mark>eroo.png &lt;script&gt;" in page
    assert "hero.png" in page
    assert client.get(url.replace(".html", ".light.html")).status_code == 404
    issue_file(project).write_text(good)
    changes.tell()
    assert "<iframe" in client.get(url).text


def test_template_error_stands_in_place_of_the_mail(project: Project, client: TestClient, changes: Changes) -> None:
    blocks = project.folder / "templates" / "blocks"
    blocks.mkdir(parents=True)
    (blocks / "text.mjml.j2").write_text("<mj-section>\n<mj-column>\n{{ nothing.here }}\n</mj-column></mj-section>\n")
    page = client.get(first_sheet(client)).text
    assert "<iframe" not in page
    assert "templates/blocks/text.mjml.j2:3" in page
    (told,) = re.findall(r'<li class="error">(.*?)</li>', page, re.DOTALL)
    assert re.findall(r'<pre dir="auto">(.*?)</pre>', told) == ["{{ nothing.here }}"]  # no column is known to mark


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("templates/themes/default.yaml", "light:\n  acent: '#222222'\n", "templates/themes/default.yaml:2:3"),
        ("templates/parts/figure.mjml.j2", "\n{% if %}", "templates/parts/figure.mjml.j2:2"),
        ("issues/people.yaml", "ana: {nam: x}\n", "issues/people.yaml:1:7"),
        ("issues/welcome/hero.png", "no image", "issues/welcome/issue.yaml:"),
    ],
)
def test_whatever_breaks_is_told_in_place_of_the_mail(
    project: Project, client: TestClient, changes: Changes, name: str, text: str, told: str
) -> None:
    url = first_sheet(client)
    assert "<iframe" in client.get(url).text
    file = project.folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    changes.tell()
    page = client.get(url).text
    assert "<iframe" not in page
    assert told in " ".join(re.findall(r'class="place">([^<]*)', page))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[newsletter\n", ["newsletter.toml:1: this is not TOML", "Each line is a [section]"]),
        (
            "[newsletter]\ntimezone = 'x<y'\nnam = 'x'\n",
            ["newsletter.toml:2: ", "&#39;x&lt;y&#39;", "newsletter.toml:3: "],
        ),
    ],
)
def test_mistake_in_the_configuration_is_told_on_every_page_until_it_is_gone(
    project: Project, client: TestClient, changes: Changes, text: str, told: list[str]
) -> None:
    url, config = first_sheet(client), project.folder / "newsletter.toml"
    good = config.read_text()
    config.write_text(text)
    changes.tell()
    for path in (url, "/", "/issues/welcome"):
        answer = client.get(path)
        assert answer.status_code == 500
        assert [words for words in told if words not in answer.text] == []
        assert re.search(r'data-version="\w+\.\d+" data-changes=', answer.text)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    config.write_text(good.replace("[newsletter]", "[newsletter]\nimprint = 'https://imprint.example.org'", 1))
    changes.tell()
    assert "https://imprint.example.org" in client.get(url.replace(".html", ".light.html")).text


def test_warning_stands_beside_the_mail(project: Project, client: TestClient) -> None:
    translation = project.issues / "welcome" / "issue.de.yaml"
    translation.write_text(re.sub(r"(?m)^preheader:.*\n", "", translation.read_text()))
    page = client.get(first_sheet(client)).text
    assert "<iframe" in page
    assert 'class="warning"' in page
    assert "issues/welcome/issue.de.yaml" in page


def test_issue_that_is_gone_is_a_page(project: Project, client: TestClient, changes: Changes) -> None:
    url = first_sheet(client)
    shutil.rmtree(issue_file(project).parent)
    changes.tell()
    answer = client.get(url)
    assert answer.status_code == 404
    assert "<main>" in answer.text


def test_only_names_of_this_machine_are_answered(client: TestClient) -> None:
    for path in CHECKED:
        assert client.get(path, headers={"Host": "evil.example:8001"}).status_code == 421
        assert client.get(path, headers={"Host": "localhost:8001"}).status_code != 421
    assert client.get("/changes", headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize("path", CHECKED)
def test_every_answer_carries_the_headers(client: TestClient, path: str) -> None:
    for answer in (client.get(path), client.head(path), client.post(path)):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/static/..%2Fsheets.py", "/static/%2e%2e/app.py", "/assets/..%2F..%2Fsecret.toml", "/static/"]
)
def test_files_outside_are_not_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_export_is_a_copy_that_needs_no_server(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "copy"
    written = export_preview(project, out)
    assert written[0] == out / "index.html"
    assert set(written) == {file for file in out.rglob("*") if file.is_file()}
    assert (out / "issues" / "welcome" / "de").is_dir()
    for page in out.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "data-changes" not in text
        for link in re.findall(r'(?:href|src)="([^"#]+)"', text):
            if not re.match(r"https?:|mailto:|data:|about:", link):
                assert (page.parent / unescape(link)).is_file(), (page, link)


def test_export_of_an_issue_that_cannot_be_read_says_why(project: Project, tmp_path: Path) -> None:
    issue_file(project).write_text("title: [unclosed\n")
    export_preview(project, tmp_path / "copy")
    pages = list((tmp_path / "copy" / "issues").rglob("*.html"))
    assert pages
    assert all("This edition cannot be shown" in page.read_text(encoding="utf-8") for page in pages)


def test_scripts_say_nothing_in_the_page_itself(client: TestClient) -> None:
    """The policy allows no inline script or style; pages must not need any."""
    for path in ("/", first_sheet(client)):
        page = client.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)", page)
        assert not re.search(r"<[^>]*\s(?:style|on[a-z]+)=", page)


@pytest.mark.parametrize(
    "error", [OSError("watch limit reached"), ExceptionGroup("in a task", [RuntimeError("watch limit reached")])]
)
def test_folder_that_cannot_be_watched_is_said(
    project: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("newsletter.web.preview.changes.awatch", refuse)
    with TestClient(preview_app(lambda: project, Changes()), base_url="http://localhost") as client:
        assert client.get("/").status_code == 200
    assert "reload them by hand: watch limit reached" in caplog.text
