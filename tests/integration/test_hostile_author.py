"""What somebody may put into a project to break the program: it is told as a problem, in the mail it is only words."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from shell import newsletter
from starlette.testclient import TestClient
from writing import write_project

from newsletter.app.project import open_project
from newsletter.authoring.fields.explain import MAX_PROBLEMS
from newsletter.compiler.mjml import templates
from newsletter.compiler.mjml.limits import Limits
from newsletter.compiler.mjml.worker import Worker
from newsletter.web.preview import Changes, preview_app

NO_UTF_8 = os.fsdecode(b"\xff\xfe")
SCRIPT = "\"><script>alert(1)</script>'</mj-text><![endif]--></style>"


def named_issue(issue: Path) -> None:
    issue.rename(issue.with_name(NO_UTF_8))


def named_translation(issue: Path) -> None:
    (issue / "issue.zh.yaml").rename(issue / f"issue.{NO_UTF_8}.yaml")


def named_theme(issue: Path) -> None:
    themes = issue.parents[1] / "templates" / "themes"
    themes.mkdir(parents=True)
    (themes / f"{NO_UTF_8}.yaml").write_text("radius: 4\n", encoding="utf-8")
    replace(issue, "language: en", "language: en\ntheme: odd")


def image_in_a_circle(issue: Path) -> None:
    (issue / "ridge.png").unlink()
    (issue / "ridge.png").symlink_to(issue / "ridge.png")


def replace(issue: Path, old: str, new: str) -> None:
    file = issue / "issue.yaml"
    written = file.read_text(encoding="utf-8")
    assert old in written
    file.write_text(written.replace(old, new, 1), encoding="utf-8")


def text(words: str) -> Callable[[Path], None]:
    return lambda issue: replace(issue, "looks at **maps**, and", words)


PLANTED: list[tuple[Callable[[Path], None], str]] = [
    (named_issue, "bad-slug"),
    (named_translation, "bad-language"),
    (named_theme, "missing-theme"),
    (image_in_a_circle, "unreadable-image"),
    (text("[" * 40_000), "too-many-signs"),
    (text("*a _b" * 9_000), "too-many-signs"),
    (text("`a " * 1_500), "too-many-signs"),
    (text("a** b" * 400), "leftover-markup"),
]


@pytest.mark.parametrize(("plant", "rule"), PLANTED)
def test_planted_trap_is_a_problem_everywhere(tmp_path: Path, plant: Callable[[Path], None], rule: str) -> None:
    plant(write_project(tmp_path))
    checked = newsletter("-C", str(tmp_path), "check", "--format", "json")
    count = [problem["id"] for problem in json.loads(checked.stdout)].count(rule)
    assert 1 <= count <= (MAX_PROBLEMS if rule == "leftover-markup" else 1)
    built = newsletter("-C", str(tmp_path), "build", "--out", str(tmp_path / "o"))
    assert "Error:" not in built.stderr
    reopen = partial(open_project, tmp_path, {})
    with TestClient(preview_app(reopen, Changes()), base_url="http://localhost") as client:
        link = re.findall(r'href="(issues/[^"]+)"', client.get("/").text)[0]
        assert rule == "leftover-markup" or "This edition cannot be shown" in client.get(f"/{link}").text


@pytest.mark.parametrize(
    "key", ["title", "preheader", "subtitle", "alt", "caption", "credit", "heading", "quote", "by", "closing"]
)
def test_markup_in_a_text_stays_words(tmp_path: Path, key: str) -> None:
    issue = write_project(tmp_path)
    file = issue / "issue.yaml"
    written = file.read_text(encoding="utf-8")
    file.write_text(re.sub(rf"\b{key}: .*", lambda _: f"{key}: {json.dumps(SCRIPT)}", written), encoding="utf-8")
    with TestClient(preview_app(partial(open_project, tmp_path, {}), Changes()), base_url="http://localhost") as client:
        page, mail = (client.get(f"/issues/maps/en/{name}.html").text for name in ("mei", "mei.light"))
    assert "<iframe" in page
    assert "&lt;script&gt;" in mail
    assert "<script>" not in page + mail


HIDDEN = "c2VjcmV0IG9mIHRoaXMgbmV3c2xldHRlci4uLi4uLi4="
KEYS = f'address_key = "{HIDDEN}"\n\n[[signing]]\nid = "ab"\nsecret = "{HIDDEN}"\n'
LINKED = [
    "issues/maps/issue.yaml", "issues/maps/issue.zh.yaml", "issues/maps/coast.png", "issues/people.yaml",
    "issues/personas.yaml", "templates/blocks/quote.mjml.j2", "templates/layouts/default.mjml.j2",
    "templates/parts/head.mjml.j2", "templates/themes/default.yaml",
]  # fmt: skip


@pytest.mark.parametrize("target", ["secret.toml", ".env"])
@pytest.mark.parametrize("name", LINKED)
def test_link_to_the_secrets_is_refused_by_every_command(tmp_path: Path, name: str, target: str) -> None:
    write_project(tmp_path)
    (tmp_path / target).write_text(KEYS, encoding="utf-8")
    link = tmp_path / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(tmp_path / target, link.parent))
    built = newsletter("-C", str(tmp_path), "build", "--out", str(tmp_path / "out"))
    assert (built.returncode, (tmp_path / "out").exists()) == (1, False)
    said = [built.stdout + built.stderr]
    for style in ("text", "json", "github", "sarif"):
        checked = newsletter("-C", str(tmp_path), "check", "--format", style)
        assert (checked.returncode, checked.stderr) == (1, "")
        said.append(checked.stdout)
    with TestClient(preview_app(partial(open_project, tmp_path, {}), Changes()), base_url="http://localhost") as client:
        said += [client.get(f"/{page}").text for page in ("", "issues/maps/en/mei.html", "issues/maps/en/nobody.html")]
    assert all(name in one and HIDDEN not in one for one in said[:5])
    assert not any(HIDDEN in one for one in said)


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(10**9) %}{% for j in range(10**9) %}{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% set x = cycler.__init__.__globals__.os.popen('touch RAN').read() %}",
        "{{ 'x' * 3000000000 }}",
        "{% include 'blocks/quote.mjml.j2' %}",
    ],
    ids=["range", "loop", "code", "memory", "recursion"],
)
def test_hostile_template_is_a_problem_of_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    hurried = Worker(Limits(seconds=1))
    monkeypatch.setattr(templates, "worker", lambda: hurried)
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)
    (tmp_path / "templates" / "blocks").mkdir(parents=True)
    (tmp_path / "templates" / "blocks" / "quote.mjml.j2").write_text(f"\n{source}", encoding="utf-8")
    with closing(hurried):
        checked = newsletter("-C", str(tmp_path), "check")
    assert (checked.returncode, checked.stderr) == (1, "")
    assert "templates/blocks/quote.mjml.j2:2" in checked.stdout
    assert not (tmp_path / "RAN").exists()
