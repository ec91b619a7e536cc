"""Links whose words name another host than they lead to, wherever words and link have keys of their own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from writing import write_project

from newsletter.authoring.contributors import load_contributors
from newsletter.authoring.fields.link_words import misleading, misleading_links
from newsletter.authoring.load import load_issue
from newsletter.authoring.schema import IssueFile
from newsletter.problem import Severity
from newsletter.source import parse_source


@pytest.mark.parametrize(
    ("words", "url"),
    [
        ("https://bank.example/login", "https://evil.example/x"),
        ("bank.example/login", "https://evil.example/"),
        ("bank.example:8080", "https://evil.example/"),
        ("bank.example?a=1", "https://evil.example/"),
        ("ftp://bank.example", "https://evil.example/"),
        ("http://bank", "https://evil.example/"),
        ("127.0.0.1", "https://evil.example/"),
        ("10.0.0.1:80/login", "https://evil.example/"),
        ("10.0.0.1", "https://192.168.0.1/"),
        ("www.bank.example", "https://evil.example/"),
        ("www.bank.example", "https://bank.example.evil.example/"),
        ("https://münchen.example", "https://munchen.example"),
        ("https://xn--mnchen-3ya.example", "https://munchen.example"),
        ("apple.com/id", "https://xn--80ak6aa92e.com/"),
        ("me@bank.example", "mailto:me@evil.example"),
        ("ana.github.io/notes", "https://eve.github.io/notes"),
        ("see https://bank.example now", "https://evil.example/?u=https://bank.example"),
    ],
)
def test_words_that_name_another_host_are_an_error(words: str, url: str) -> None:
    found = misleading(words, url)
    assert found is not None
    assert found.severity is Severity.ERROR


@pytest.mark.parametrize(
    ("words", "url"),
    [
        ("example.org", "https://www.example.org/"),
        ("https://www.example.org/a", "https://example.org/b"),
        ("blog.example.org/x", "https://example.org/"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example/"),
        ("xn--mnchen-3ya.example/x", "https://münchen.example/"),
        ("me@example.org", "mailto:me@example.org"),
        ("me@example.org", "https://example.org/contact"),
        ("bank.example/login", "{{ link.view }}"),
        ("Node.js", "https://en.wikipedia.org/wiki/Node.js"),
        ("read more", "https://evil.example"),
        ("10.0.0.0/8", "https://en.wikipedia.org/wiki/Private_network"),
        ("126.0.6478.61", "https://example.org/releases"),
        ("10.0.0.1", "https://10.0.0.1/login"),
        ("Have you used example.org?", "https://evil.example"),
        ("EXAMPLE.ORG/x", "https://example.org/x"),
    ],
)
def test_words_that_do_not_are_fine(words: str, url: str) -> None:
    assert misleading(words, url) is None


@pytest.mark.parametrize(
    ("words", "url"),
    [
        ("Booking.com", "https://en.wikipedia.org/wiki/Booking.com"),
        ("socket.io", "https://github.com/socketio"),
        ("youtu.be", "https://youtube.com/x"),
        ("bank.example", "https://evil.example/"),
        ("Start http://localhost:8000 first", "https://docs.example.org/start"),
        ("A look at github.com/ana/maps", "https://ana.example/blog"),
        ("github.io", "https://ana.github.io/"),
    ],
)
def test_words_that_may_be_meant_warn(words: str, url: str) -> None:
    found = misleading(words, url)
    assert found is not None
    assert found.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("blocks:\n- button: bank.example/login\n  url: https://evil.example\n", "2:11"),
        ("blocks:\n- highlights:\n  - title: bank.example/login\n    url: https://evil.example\n", "3:12"),
        ("source: {url: https://evil.example, title: bank.example}\n", "1:44"),
        ("publication:\n  name: www.bank.example\n  url: https://evil.example\n", "2:9"),
        ("author: {name: bank.example, url: https://evil.example}\n", "1:16"),
        ("blocks:\n- image: a.png\n  alt: bank.example/login\n  url: https://evil.example\n", "3:8"),
        ("hero: {image: a.png, alt: https://bank.example, url: https://evil.example}\n", "1:27"),
    ],
)
def test_every_place_with_words_and_a_link_is_looked_at(text: str, place: str) -> None:
    root, _ = parse_source(text.encode(), "f.yaml")
    assert root is not None
    (problem,) = misleading_links(root, IssueFile)
    assert (problem.id, str(problem.place)) == ("misleading-link", f"f.yaml:{place}")


@pytest.mark.parametrize(
    "text",
    [
        "blocks:\n- highlights:\n  - title: T\n    label: bank.example\n    url: https://news.example\n",
        "blocks:\n- highlights:\n  - title: T\n    url: https://news.example\n    author: {name: bank.example}\n",
        "blocks:\n- button: Go\n  url: https://bank.example\n- heading: evil.example\n",
    ],
)
def test_words_of_no_link_are_not(text: str) -> None:
    root, _ = parse_source(text.encode(), "f.yaml")
    assert root is not None
    assert list(misleading_links(root, IssueFile)) == []


def test_words_of_a_translation_are_compared_with_the_link_of_the_issue(tmp_path: Path) -> None:
    issue = write_project(tmp_path) / "issue.yaml"
    zh = issue.with_name("issue.zh.yaml")
    zh.write_text(re.sub(r"button: .*", "button: bank.example/login", zh.read_text(encoding="utf-8")), encoding="utf-8")
    found = [problem for problem in load_issue(issue, root=tmp_path).problems if problem.id == "misleading-link"]
    assert [problem.place.file for problem in found] == ["issues/maps/issue.zh.yaml"]


def test_names_in_people_yaml_are_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "people.yaml"
    file.write_text(
        "ana: {name: bank.example/ana, url: https://evil.example}\n"
        "bo:\n  name: {en: Bo, zh: bank.example}\n  url: https://evil.example\n"
        "cy: {name: Cy, url: 'https://bank.example。evil.example/'}\n"
    )
    _, problems = load_contributors(file, tmp_path)
    assert [(problem.id, str(problem.place)) for problem in sorted(problems, key=lambda problem: problem.place)] == [
        ("misleading-link", "people.yaml:1:13"),
        ("misleading-link", "people.yaml:3:22"),
        ("bad-url", "people.yaml:5:21"),
    ]
