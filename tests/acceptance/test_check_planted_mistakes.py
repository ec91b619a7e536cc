"""`newsletter check`: each mistake planted into a good issue exits 1 with its exact place; no input hangs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from shell import newsletter
from writing import write_project

REPOSITORY = Path(__file__).parents[2]


class Mistake(NamedTuple):
    name: str
    file: str
    """Below issues/."""
    good: str
    bad: str
    place: str
    """line:column of the problem, in that file."""
    rule: str


EN, ZH = "maps/issue.yaml", "maps/issue.zh.yaml"
TIDES = '      - id: tides\n        text: "[](@bo) measures the tides."'

MISTAKES = [
    # What YAML itself trips over
    Mistake("unquoted-colon", EN, '"A map is a promise."', "Ana says: a map is a promise", "50:20", "yaml"),
    Mistake("unquoted-hash", EN, '"Three picks"', "Our pick of issue #4", "25:32", "cut-text"),
    Mistake("colon-in-sentence", EN, TIDES, "      - Tides: measured at last", "46:9", "wrong-type"),
    Mistake("text-begins-with-bracket", EN, '"Three picks"', "[](@bo) picks three", "25:16", "yaml"),
    Mistake("open-quote", EN, '"Until the next one,"', '"Until the next one,', "62:10", "yaml"),
    Mistake("tab", EN, "    id: picks", "\tid: picks", "26:1", "yaml"),
    Mistake("bad-indent", EN, "    by: Ana Example", "     by: Ana Example", "51:6", "yaml"),
    Mistake("duplicate-key", EN, 'closing: "Until', 'signature: "Until', "63:1", "duplicate-key"),
    Mistake("alias", EN, 'closing: "Until the next one,"', "closing: *again", "62:10", "alias"),
    Mistake("anchor", EN, "author: ana\n", "author: &who ana\n", "7:9", "anchor"),
    Mistake("tag", EN, "author: ana\n", "author: !!str ana\n", "7:9", "tag"),
    Mistake("merge-key", EN, "reading_time: 4", "<<: {reading_time: 4}", "8:1", "merge-key"),
    Mistake("second-document", EN, 'closing: "Until', '---\nclosing: "Until', "62:1", "several-documents"),
    Mistake("control-character", EN, "Three picks", "Three\x07picks", "25:20", "control-character"),
    # What an issue cannot say
    Mistake("misspelt-key", EN, "subtitle:", "subtitel:", "2:1", "unknown-key"),
    Mistake("misspelt-article-key", EN, "    url: https://maps", "    ulr: https://maps", "31:9", "unknown-key"),
    Mistake("misspelt-block", EN, '- quote: "A map', '- quot: "A map', "50:5", "unknown-block"),
    Mistake("type-not-first", EN, "  - button:", "  - label: x\n    button:", "58:5", "unknown-block"),
    Mistake("missing-title", EN, 'title: "A week of maps"\nsub', "sub", "1:1", "missing-key"),
    Mistake("missing-date", EN, "date: 2024-03-14\n", "", "1:1", "missing-key"),
    Mistake("empty-title", EN, 'title: "A week of maps"\nsub', "title:\nsub", "1:1", "empty-value"),
    Mistake("empty-block", EN, "  - divider:", "  -", "54:4", "empty-value"),
    Mistake("number-for-text", EN, 'title: "A week of maps"\nsub', "title: 2024\nsub", "1:8", "wrong-type"),
    Mistake("text-for-number", EN, "reading_time: 4", "reading_time: four", "8:15", "wrong-type"),
    Mistake("no-such-day", EN, "2024-03-14\n", "2024-02-30\n", "5:7", "bad-date"),
    Mistake("date-in-words", EN, "date: 2024-03-14\n", "date: 14 March 2024\n", "5:7", "bad-date"),
    Mistake("no-such-language", EN, "language: en\n", "language: english\n", "6:11", "bad-language"),
    Mistake("spacer-too-high", EN, "spacer: 24", "spacer: 240", "56:13", "out-of-range"),
    Mistake("no-such-zone", EN, "Europe/Berlin", "Europe/Berln", "68:13", "bad-timezone"),
    Mistake("no-such-time", EN, '"2024-03-14 09:00"', '"tomorrow"', "67:7", "bad-time"),
    Mistake("number-as-id", EN, "id: also", "id: 7", "48:9", "wrong-type"),
    Mistake("id-with-space", EN, "id: also", "id: also this", "48:9", "bad-name"),
    Mistake("duplicate-block-id", EN, "id: picks", "id: opening", "26:9", "duplicate-id"),
    Mistake("duplicate-article-id", EN, "- id: memory", "- id: paper", "39:13", "duplicate-id"),
    # Links, people, pictures
    Mistake("script-url", EN, "https://weekly.example.org/write", "javascript:alert(1)", "59:10", "bad-url"),
    Mistake("url-without-scheme", EN, "https://maps.example.org/paper", "maps.example.org/x", "31:14", "bad-url"),
    Mistake("url-with-space", EN, "maps.example.org/paper", "maps.example.org/a paper", "31:14", "bad-url"),
    Mistake("bad-link-in-text", EN, "drawings](https:", "drawings](htps:", "42:62", "bad-url"),
    Mistake("unknown-person-in-text", EN, "[Bo](@bo) at", "[Bo](@bob) at", "22:7", "unknown-person"),
    Mistake("unknown-author", EN, "author: ana\n", "author: anna\n", "7:9", "unknown-person"),
    Mistake("unknown-author-in-list", EN, "author: [ana,", "author: [anna,", "41:18", "unknown-person"),
    Mistake("missing-image", EN, "image: ridge.png", "image: rigde.png", "35:16", "missing-image"),
    Mistake("image-outside", EN, "image: coast.png", "image: ../../newsletter.toml", "14:10", "bad-image"),
    Mistake("absolute-image", EN, "image: coast.png", "image: /etc/hostname", "14:10", "bad-image"),
    Mistake("no-image", EN, "image: coast.png", "image: issue.yaml", "14:10", "bad-image"),
    Mistake("missing-alt", EN, '        alt: "A ridge at dusk"\n', "", "35:16", "missing-alt"),
    Mistake("heading-sign", EN, '"Three picks"', '"## Three picks"', "25:14", "heading-sign"),
    Mistake("open-bold", EN, "**maps**, and", "**maps, and", "21:35", "leftover-markup"),
    Mistake("picture-in-text", EN, "Why hikers still", "![Hikers](http://e.example/a.png) still", "34:11", "bad-image"),
    Mistake("misleading-link", EN, "[Bo](@bo) at", "[bank.example/x](https://e.example) at", "22:7", "misleading-link"),
    Mistake("host-in-disguise", EN, "https://weekly.example.org/write", "https://аррӏе.com", "59:10", "bad-url"),
    Mistake("html-comment", EN, "Why hikers still", "Why <!-- who? --> hikers still", "34:15", "html-comment"),
    Mistake("unseen-title", EN, '"A week of maps"\nsub', '"\u200b"\nsub', "1:8", "empty-value"),
    Mistake("glued-key", EN, 'closing: "Until', 'closing:"Until', "62:8", "yaml"),
    # Merge fields
    Mistake("tag-of-mailchimp", EN, '"Paper, screens', '"Dear *|FNAME|*, screens', "4:18", "foreign-tag"),
    Mistake("misspelt-filter", EN, "default('you')", "defualt('you')", "3:20", "merge-field"),
    Mistake("misspelt-field", EN, '"Paper, screens', '"{{ subscribr.name }} screens', "4:13", "merge-field"),
    Mistake("field-without-default", EN, '"Paper,', '"{{ subscriber.city }},', "4:13", "missing-default"),
    Mistake("open-field", EN, '"Paper, screens', '"Dear {{ subscriber.name, screens', "4:18", "merge-field"),
    # Translations
    Mistake("untranslated-title", ZH, 'title: "地图周"\n', "", "1:1", "missing-translation"),
    Mistake("untranslated-block", ZH, '  - heading: "三篇推荐"\n    id: picks\n', "", "9:1", "missing-translation"),
    Mistake("untranslated-summary", ZH, "        summary: |\n          徒步的人为什么还带着它。\n", "", "16:9",
            "missing-translation"),
    Mistake("unknown-block-id", ZH, "id: picks", "id: pics", "14:9", "unknown-id"),
    Mistake("unknown-article-id", ZH, "- id: memory", "- id: memry", "22:13", "unknown-id"),
    Mistake("translation-without-id", ZH, "    id: picks\n", "", "13:5", "missing-id"),
    Mistake("original-without-id", EN, "    id: picks\n", "", "25:5", "missing-id"),
    Mistake("translated-person", ZH, "[](@ana)", "[](@anna)", "11:10", "unknown-person"),
    Mistake("translated-url", ZH, "(https://maps", "(//maps", "24:35", "bad-url"),
    Mistake("send-in-translation", ZH, 'closing: "', 'send: {list: others}\nclosing: "', "35:1", "misplaced-key"),
    Mistake("other-language", ZH, 'closing: "', 'language: ja\nclosing: "', "35:11", "wrong-language"),
    # The files beside the issues
    Mistake("person-url", "people.yaml", "https://ana.example.org", "ana.example.org", "3:8", "bad-url"),
    Mistake("person-key", "people.yaml", "avatar: ana", "avatr: ana", "4:3", "unknown-key"),
    Mistake("person-avatar", "people.yaml", "ana.png", "anna.png", "4:11", "missing-image"),
    Mistake("persona-address", "personas.yaml", "nobody@example.org", "nobody", "7:10", "bad-name"),
]  # fmt: skip


def plant(mistake: Mistake, folder: Path) -> None:
    write_project(folder)
    file = folder / "issues" / mistake.file
    text = file.read_text(encoding="utf-8")
    assert text.count(mistake.good) == 1
    file.write_text(text.replace(mistake.good, mistake.bad), encoding="utf-8")


def check(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return newsletter("-C", str(folder), "check", *options)


def check_by_shell(folder: Path, *options: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "newsletter", "-C", str(folder), "check", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, encoding="utf-8")


def places(problems: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(f"{p['file']}:{p['line']}:{p['column']}", p["id"]) for p in problems if p["severity"] == "error"}


def test_good_issue_has_no_problems(tmp_path: Path) -> None:
    write_project(tmp_path)
    done = check(tmp_path, "--strict", "--format", "json")
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, [], "")


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake.name for mistake in MISTAKES])
def test_planted_mistake_is_found_where_it_is(mistake: Mistake, tmp_path: Path) -> None:
    plant(mistake, tmp_path)
    result = check(tmp_path, "--format", "json")
    assert (result.returncode, result.stderr) == (1, "")
    assert (f"issues/{mistake.file}:{mistake.place}", mistake.rule) in places(json.loads(result.stdout))


@pytest.mark.parametrize("name", ["unquoted-colon", "script-url", "unknown-block-id", "person-key"])
def test_planted_mistake_exits_1_and_names_its_place(name: str, tmp_path: Path) -> None:
    mistake = next(mistake for mistake in MISTAKES if mistake.name == name)
    plant(mistake, tmp_path)
    done = check(tmp_path)
    assert done.returncode == 1
    assert f"issues/{mistake.file}:{mistake.place}: error:" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_problem_is_shown_with_line_caret_and_hint(tmp_path: Path) -> None:
    plant(MISTAKES[0], tmp_path)
    assert check(tmp_path).stdout == (
        "issues/maps/issue.yaml:50:20: error: ': ' is not allowed in a text without quotes\n"
        "      - quote: Ana says: a map is a promise\n"
        "                       ^\n"
        '    Quote this text: - quote: "Ana says: a map is a promise"\n'
        "1 error\n"
    )


def test_mistakes_in_different_places_are_found_at_once(tmp_path: Path) -> None:
    names = (
        "misspelt-key", "script-url", "missing-image", "unknown-author", "untranslated-title", "person-url",
        "heading-sign", "open-bold", "picture-in-text",
    )  # fmt: skip
    wanted = [mistake for mistake in MISTAKES if mistake.name in names]
    plant(wanted[0], tmp_path)
    for mistake in wanted[1:]:
        file = tmp_path / "issues" / mistake.file
        file.write_text(file.read_text(encoding="utf-8").replace(mistake.good, mistake.bad), encoding="utf-8")
    found = places(json.loads(check(tmp_path, "--format", "json").stdout))
    assert {(f"issues/{mistake.file}:{mistake.place}", mistake.rule) for mistake in wanted} <= found


def test_warnings_fail_only_when_strict(tmp_path: Path) -> None:
    plant(Mistake("", EN, '"Write for us"', '"Write for us whenever you like"', "", ""), tmp_path)
    assert check(tmp_path).returncode == 0
    strict = check(tmp_path, "--strict", "--format", "json")
    assert strict.returncode == 1
    assert [(p["id"], p["line"], p["column"]) for p in json.loads(strict.stdout)] == [("long-button", 58, 13)]


def test_fallback_allows_what_is_not_translated(tmp_path: Path) -> None:
    plant(Mistake("", ZH, 'title: "地图周"\n', "fallback: allow\n", "", ""), tmp_path)
    assert check(tmp_path, "--strict").returncode == 0


def test_folder_without_issues_is_a_problem(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    result = check(tmp_path, str(tmp_path / "elsewhere"), "--format", "json")
    assert result.returncode == 1
    assert [(p["file"], p["id"]) for p in json.loads(result.stdout)] == [("elsewhere", "no-issues")]


def test_missing_path_is_wrong_usage(tmp_path: Path) -> None:
    write_project(tmp_path)
    assert check(tmp_path, "nowhere").returncode == 2


def hostile_files() -> dict[str, bytes]:
    laughs = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 12))
    merges = "".join(f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 10)}]}}\n" for n in range(1, 12))
    return {
        "billion laughs": f"l0: &l0 lol\n{laughs}".encode(),
        "merge keys": f"m0: &m0 {{a: 1}}\n{merges}".encode(),
        "brackets": b"[" * 100_000,
        "open brackets in a title": b"title: " + b"[" * 100_000,
        "nested lists": b"- " * 100_000,
        "nested mappings": b"{a: " * 100_000,
        "question marks": b"? " * 100_000,
        "more than a mebibyte": b"title: x\n" + b"# \n" * 350_000,
        "a mebibyte of keys": b"".join(b"k%d: 1\n" % n for n in range(90_000)),
        "a mebibyte of items": b"- a\n" * 260_000,
        "one very long line": b"title: " + b"x" * 1_000_000,
        "many merge fields": b"title: x\nblocks:\n  - text: '" + b"{{ " * 16_000 + b"'\n",
        "many people": b"title: x\nblocks:\n  - text: '" + b"[](@x) " * 7_000 + b"'\n",
        "many ticks": b"title: x\nblocks:\n  - text: '" + b"`a``b```c" * 5_000 + b"'\n",
        "not text": bytes(range(256)) * 100,
        "null": b"\x00" * 1000,
        "utf-16": "title: x".encode("utf-16"),
        "empty": b"",
        "spaces": b" \n\n ",
        "comment": b"# nothing\n",
        "a list": b"- a\n- b\n",
        "a number": b"7\n",
        "huge number": b"title: x\nreading_time: " + b"9" * 100_000,
        "surrogate": b'title: "\\ud800"\n',
    }


def test_hostile_files_give_problems_and_end(tmp_path: Path) -> None:
    """One process for all: a crash or a hang in any of them fails it."""
    write_project(tmp_path)
    for number, content in enumerate(hostile_files().values()):
        folder = tmp_path / "issues" / f"hostile-{number}"
        folder.mkdir()
        (folder / "issue.yaml").write_bytes(content)
    done = check_by_shell(tmp_path, "--format", "json", timeout=120)
    assert (done.returncode, done.stderr) == (1, "")
    found = Counter(problem["file"] for problem in json.loads(done.stdout))
    for number, name in enumerate(hostile_files()):
        assert 1 <= found[f"issues/hostile-{number}/issue.yaml"] <= 500, name


def test_hostile_files_beside_the_issue_give_problems(tmp_path: Path) -> None:
    write_project(tmp_path)
    bombs = hostile_files()
    for file, name in ((ZH, "brackets"), ("people.yaml", "billion laughs"), ("personas.yaml", "not text")):
        (tmp_path / "issues" / file).write_bytes(bombs[name])
    done = check(tmp_path, "--format", "json")
    assert done.returncode == 1
    found = {problem["file"] for problem in json.loads(done.stdout)}
    assert {f"issues/{ZH}", "issues/people.yaml", "issues/personas.yaml"} <= found


def test_issues_of_this_repository_have_no_errors() -> None:
    done = check(REPOSITORY, str(REPOSITORY / "issues"))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
