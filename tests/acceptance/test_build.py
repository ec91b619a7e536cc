"""`newsletter build` through the shell: the files, the same bytes every time, and nothing half-done after a mistake."""

from __future__ import annotations

import email.policy
import io
import json
import os
import re
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest
from PIL import Image
from shell import newsletter

TOML = """\
[newsletter]
name = "The Weekly"
from = "The Weekly <weekly@example.org>"
postal_address = "7 Sample Road, Sample Town"

[public]
url = "https://news.example.org"
"""
ISSUE = """\
title: "A first issue"
date: 2024-01-25
language: en
hero: {image: hero.png, alt: "A blue plate"}
blocks:
  - id: hello
    text: |
      Hello {{ subscriber.name | default("reader") }}, read [this](https://example.org/?a=1&b=2).
"""
BLOCKS = """\
blocks:
  - text: "Hello."
"""
CHINESE = """\
title: "第一期"
hero: {alt: "一只蓝色的盘子"}
blocks:
  - id: hello
    text: |
      **你好，**{{ subscriber.name | default("读者") }}！请读[这里](https://example.org/?a=1&b=2)。
"""
PERSONAS = """\
- {id: ana, name: "Ana \\"<Example>\\"", email: ana@mail.example, language: en}
- {id: mei, name: 梅, email: mei@例子.example, language: zh-CN}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "news"
    (folder / "issues" / "first").mkdir(parents=True)
    (folder / "newsletter.toml").write_text(TOML, encoding="utf-8")
    (folder / "issues" / "personas.yaml").write_text(PERSONAS, encoding="utf-8")
    (folder / "issues" / "first" / "issue.yaml").write_text(ISSUE, encoding="utf-8")
    (folder / "issues" / "first" / "issue.zh.yaml").write_text(CHINESE, encoding="utf-8")
    Image.new("RGB", (1120, 560), "#336699").save(folder / "issues" / "first" / "hero.png")
    return folder


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return newsletter("-C", str(project), *arguments)


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_build_writes_every_file_and_nothing_else(project: Path) -> None:
    before = files(project)
    done = run(project, "build")
    assert done.returncode == 0, done.stderr
    made = {name: data for name, data in files(project).items() if name not in before}
    (asset,) = [name for name in made if name.startswith("build/assets/")]
    assert sorted(made) == sorted(
        ["build/build.json", asset]
        + [f"build/first/{language}.{kind}" for language in ("en", "zh") for kind in ("html", "txt", "eml", "mjml")]
    )
    assert Image.open(io.BytesIO(made[asset])).size == (1024, 512)  # two pixels for each of the text's column


def test_build_twice_gives_identical_bytes(project: Path, tmp_path: Path) -> None:
    """In two processes, whose sets have different orders."""
    for number in ("1", "2"):
        command = [sys.executable, "-m", "newsletter", "-C", str(project), "build", "--out", str(tmp_path / number)]
        subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": number}, capture_output=True, check=True)
    assert files(tmp_path / "1") == files(tmp_path / "2")


def test_build_removes_what_it_made_of_a_language_that_is_gone(project: Path) -> None:
    run(project, "build")
    before = files(project / "build")
    (project / "build" / "first" / "fr.html").write_text("mine")
    (project / "issues" / "first" / "issue.zh.yaml").rename(project / "issues" / "second.yaml")
    (project / "issues" / "second.yaml").write_text('title: "x"\ndate: 2024-01-25\nlanguage: en\n' + BLOCKS)
    facts = json.loads(before["build.json"])
    facts["editions"][0]["files"] += ["../newsletter.toml", "first/../../newsletter.toml", "other/en.html", "first/en"]
    (project / "build" / "build.json").write_text(json.dumps(facts))
    assert run(project, "build", "second").returncode == 0
    assert files(project / "build").keys() >= before.keys()  # of another issue
    (project / "build" / "build.json").write_text(json.dumps(facts))
    assert run(project, "build", "first").returncode == 0
    gone = before.keys() - files(project / "build").keys()
    assert gone == {f"first/zh.{kind}" for kind in ("html", "txt", "eml", "mjml")}
    assert (project / "build" / "first" / "fr.html").exists()
    assert (project / "newsletter.toml").exists()


def test_built_mail_parses_and_is_filled_for_its_persona(project: Path) -> None:
    run(project, "build")
    for language, address, word in (
        ("en", "ana@mail.example", 'Ana "<Example>"'),
        ("zh", "mei@xn--fsqu00a.example", "梅"),
    ):
        message = email.message_from_bytes(
            (project / "build" / "first" / f"{language}.eml").read_bytes(), policy=email.policy.default
        )
        assert isinstance(message, EmailMessage)
        assert not message.defects
        assert message["To"].addresses[0].addr_spec == address
        text, html = (part.get_content() for part in message.iter_parts())
        assert word in text
        assert "https://news.example.org/assets/" in html
        assert "<Example>" not in html


def test_built_page_shows_its_images_from_disk(project: Path) -> None:
    run(project, "build")
    page = project / "build" / "first" / "zh.html"
    images = re.findall(r'<img[^>]* src="([^"]+)"', page.read_text(encoding="utf-8"))
    assert images
    assert all((page.parent / image).is_file() for image in images)
    assert "<strong" in page.read_text(encoding="utf-8")


def test_build_json_tells_hash_sizes_and_links(project: Path) -> None:
    done = run(project, "build", "--json")
    told = json.loads((project / "build" / "build.json").read_text(encoding="utf-8"))
    assert json.loads(done.stdout)["editions"] == told["editions"]
    english, chinese = told["editions"]
    assert (english["issue"], english["language"], chinese["language"]) == ("first", "en", "zh")
    assert len({english["hash"], chinese["hash"]}) == 2
    assert english["subject"] == "A first issue"
    assert english["sizes"]["images"] == sum(file.stat().st_size for file in (project / "build/assets").iterdir())
    assert "https://example.org/?a=1&b=2" in [link["url"] for link in english["links"]]
    assert "{{ link.unsubscribe }}" in [link["url"] for link in english["links"]]
    assert english["problems"] == []


def test_build_needs_neither_secret_nor_database(project: Path) -> None:
    run(project, "build")
    assert not (project / "secret.toml").exists()
    assert not list(project.glob("*.db"))


def test_failed_build_tells_every_problem_and_leaves_the_older_files(project: Path) -> None:
    run(project, "build")
    older = files(project / "build")
    issue = project / "issues" / "first" / "issue.yaml"
    issue.write_text(
        issue.read_text(encoding="utf-8") + "  - id: two\n    text: |\n      one\n      **never closed\n",
        encoding="utf-8",
    )
    chinese = project / "issues" / "first" / "issue.zh.yaml"
    chinese.write_text(chinese.read_text(encoding="utf-8") + "  - id: two\n    text: 半个`词\n", encoding="utf-8")
    done = run(project, "build")
    assert done.returncode == 1
    assert "issues/first/issue.yaml:12:7: error: blocks[1].text: ** would be shown as it is" in done.stderr
    assert "` would be shown as it is" in done.stderr
    assert "Nothing was written" in done.stderr
    assert files(project / "build") == older


def test_build_refuses_what_check_refuses(project: Path) -> None:
    issue = project / "issues" / "first" / "issue.yaml"
    issue.write_text(ISSUE.replace(', alt: "A blue plate"', ""), encoding="utf-8")
    (project / "issues" / "first" / "issue.zh.yaml").unlink()
    for command in ("check", "build"):
        done = run(project, command)
        assert done.returncode == 1
        assert (done.stdout + done.stderr).count("this picture has no alt text") == 1
    assert not (project / "build").exists()


def test_two_issues_of_one_name_are_told_once(project: Path) -> None:
    (project / "issues" / "first.yaml").write_text('title: "x"\ndate: 2024-01-25\nlanguage: en\n' + BLOCKS)
    told = json.loads(run(project, "build", "--json").stdout)
    assert not told["written"]
    assert [problem["id"] for problem in told["problems"]] == ["same-slug"]


def test_sender_who_is_not_said_yet_costs_only_the_eml(project: Path) -> None:
    (project / "newsletter.toml").write_text('[newsletter]\nname = "The Weekly"\n', encoding="utf-8")
    assert run(project, "check").returncode == 1
    done = run(project, "build")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("no .eml was made") == 1
    assert "warning: newsletter.postal_address: there is no postal address" in done.stderr
    made = {name for name in files(project / "build") if name.startswith("first/")}
    assert made == {f"first/{language}.{kind}" for language in ("en", "zh") for kind in ("html", "txt", "mjml")}


def test_broken_template_is_told_with_its_line(project: Path) -> None:
    (project / "templates" / "blocks").mkdir(parents=True)
    (project / "templates" / "blocks" / "text.mjml.j2").write_text("\n{{ block.nothing }}\n", encoding="utf-8")
    done = run(project, "build")
    assert done.returncode == 1
    assert "templates/blocks/text.mjml.j2:2" in done.stderr
    assert "Traceback" not in done.stderr


def test_unwritable_folder_is_told(project: Path) -> None:
    (project / "build").write_text("a file")
    done = run(project, "build", "--out", str(project / "build" / "inside"))
    assert done.returncode == 1
    assert "Cannot write" in done.stderr
    assert "Traceback" not in done.stderr


def test_unknown_path_is_wrong_usage(project: Path) -> None:
    assert run(project, "build", "nowhere").returncode == 2
