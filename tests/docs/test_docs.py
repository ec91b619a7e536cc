"""The written pages against each other and against the program: links lead somewhere, commands and words exist."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import click
import pytest

import newsletter
from newsletter.authoring.blocks import BLOCKS
from newsletter.cli.main import COMMANDS, cli
from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.classification import Classification
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.ledger.plan import Exclusion, NotEligible

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "newsletter/app/operating/starter").rglob("*.md")])
WRITTEN_BY_HAND = [page for page in PAGES if page.name not in ("checks.md", "cli.md", "config.md")]
PACKAGE = Path(newsletter.__file__).parent

NOUN_MODULES = (
    "authoring/issue.py", "authoring/block.py", "authoring/parts.py",
    "authoring/image.py", "authoring/persona.py", "compiler/edition.py", "compiler/theme.py",
    "audience/address.py", "audience/consent.py", "audience/subscriber.py", "audience/suppression.py",
    "delivery/delivery.py", "delivery/compose/envelope.py", "feedback/event.py",
    "delivery/ledger/ledger.py", "delivery/compose/message.py", "delivery/compose/mould.py", "delivery/compose/body.py",
    "delivery/ledger/outcome.py", "delivery/ledger/classification.py", "delivery/transport.py",
    "delivery/sender/backoff.py", "delivery/sender/breaker.py", "delivery/sender/group_commit.py",
    "delivery/sender/lease.py", "app/sending/propose.py", "storage/ledger/freeze.py", "reporting/report.py",
    "problem.py", "expression/tree.py", "expression/field.py",
)  # fmt: skip
"""The files named by a noun: each public class in them is a word of the project."""

_TARGET = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def shell_lines(page: Path) -> Iterator[str]:
    """Every line that a reader would type: in fenced shell blocks, and code spans that begin with `newsletter`."""
    text = page.read_text(encoding="utf-8")
    for language, body in _FENCE.findall(text):
        if language in ("sh", "console"):
            yield from (line for line in body.replace("\\\n", " ").splitlines() if line.startswith("newsletter "))
    yield from re.findall(r"`(newsletter [a-z][^`]*)`", _FENCE.sub("", text))


def classes_of(module: Path) -> set[str]:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")}


def resolve(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that some words name, and the words that are left."""
    command: click.Command = cli
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        child = command.get_command(click.Context(command), words[0])
        assert child is not None, f"there is no command {words[0]!r}"
        command, words = child, words[1:]
    return command, words


@pytest.mark.parametrize("page", WRITTEN_BY_HAND, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_links_lead_somewhere(page: Path) -> None:
    for target in (first or second for first, second in _TARGET.findall(prose(page))):
        if re.match(r"[a-z]+:|@", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", WRITTEN_BY_HAND, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_names_commands_and_options_that_exist(page: Path) -> None:
    for line in shell_lines(page):
        words = shlex.split(line.partition(" | ")[0].partition(" > ")[0], comments=True)[1:]
        while words and words[0] == "-C":
            words = words[2:]
        if not words or words[0].startswith("-"):
            continue
        assert words[0] in COMMANDS, f"{page.name}: {line}"
        command, rest = resolve(words)
        known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
        named = {word.partition("=")[0] for word in rest if word.startswith("--") and word != "--"}
        assert named <= known, f"{page.name}: {line}"


def test_every_command_is_met_in_the_pages() -> None:
    named = {line.split()[1] for page in WRITTEN_BY_HAND for line in shell_lines(page)}
    assert set(COMMANDS) - named == set()


def linked_pages(page: Path) -> set[Path]:
    targets = [first or second for first, second in _TARGET.findall(prose(page))]
    here = [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:|[@#]", target)]
    return {(page.parent / path).resolve() for path in here if path.endswith(".md")}


def test_every_page_can_be_reached_from_the_index() -> None:
    reached, new = set[Path](), {DOCS / "index.md"}
    while new:
        page = new.pop()
        reached.add(page)
        new |= linked_pages(page) - reached
    assert {str(page.relative_to(DOCS)) for page in set(DOCS.rglob("*.md")) - reached} == set()


def glossary() -> str:
    return (DOCS / "glossary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("module", NOUN_MODULES)
def test_glossary_has_every_noun(module: str) -> None:
    named = set(re.findall(r"`(\w+)`", glossary()))
    nouns = {name for name in classes_of(PACKAGE / module) if not name.endswith("Entry")}  # that is what the YAML says
    assert nouns - named - {"PersonasFile", "Assembly", "TextWriter"} == set()


def test_glossary_names_only_classes_that_exist() -> None:
    cells = [line.split("|")[3] for line in glossary().splitlines() if line.count("|") == 4]
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    existing = {name for file in PACKAGE.rglob("*.py") for name in classes_of(file)}
    assert named - existing == set()


def test_glossary_terms_stand_once() -> None:
    rows = [line.split("|")[1].strip() for line in glossary().splitlines() if line.count("|") == 4]
    terms = [word.strip() for row in rows if row not in ("Term", "---") for word in row.split(",")]
    assert {term for term in terms if terms.count(term) > 1} == set()


@pytest.mark.parametrize(
    ("states", "page"),
    [
        (DeliveryState, "glossary.md"),
        (RecipientState, "glossary.md"),
        (RecipientState, "explanation/promises.md"),
        (Exclusion, "explanation/promises.md"),
    ],
)
def test_pages_name_every_state(states: type[Enum], page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert {item.value for item in states if f"`{item.value}`" not in text} == set()


def test_glossary_covers_who_is_not_eligible_and_what_refusals_are_about() -> None:
    text = glossary().lower()
    assert {item.value for item in (*NotEligible, *Classification) if item.value not in text} == set()


def promises() -> dict[str, str]:
    """Promise → the cell that says what shows it."""
    table = (DOCS / "explanation/promises.md").read_text(encoding="utf-8").partition("| Shown by |\n|---|---|\n")[2]
    rows = [line.strip("| ").split(" | ") for line in table.partition("\n\n")[0].splitlines()]
    return {row[0]: row[1] for row in rows}


def names_in(file: Path) -> set[str]:
    """What a test file defines at its top: functions, and the classes that are made by assignment."""
    found = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


@pytest.mark.parametrize(("promise", "shown"), promises().items())
def test_promise_names_tests_that_exist(promise: str, shown: str) -> None:
    tests = re.findall(r"`([\w/]+\.py)::([Tt]est\w+)`", shown)
    assert tests or shown.startswith("by design, no test: "), promise
    assert [name for file, name in tests if name not in names_in(ROOT / "tests" / file)] == []


def test_every_way_a_promise_is_kept_names_its_tests() -> None:
    page = (DOCS / "explanation/promises.md").read_text(encoding="utf-8")
    ways = re.findall(r"^\*\*(.+?)\.\*\*", page, re.MULTILINE)
    assert len(ways) >= 7
    assert set(ways) - set(promises()) == set()


def issue_reference() -> str:
    return (DOCS / "reference/issue.md").read_text(encoding="utf-8")


def test_issue_reference_lists_every_block_type_and_its_keys() -> None:
    for name, model in BLOCKS.items():
        row = next(line for line in issue_reference().splitlines() if line.startswith(f"| `{name}` |"))
        further = set(model.model_fields) - {name, "id", "show_if"}
        assert {key for key in further if f"`{key}`" not in row} == set()


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(file.name[:4]) for file in sorted((DOCS / "explanation/decisions").glob("[0-9]*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_commands_have_a_module_and_a_function() -> None:
    for target, _ in COMMANDS.values():
        module, _, name = target.partition(":")
        assert isinstance(getattr(importlib.import_module(module), name), click.Command)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_install_page_names_completion_that_works(shell: str) -> None:
    page = (DOCS / "howto/install.md").read_text(encoding="utf-8")
    assert f"{shell}_source" in page
    command = Path(sys.executable).with_name("newsletter")
    environment = os.environ | {"_NEWSLETTER_COMPLETE": f"{shell}_source"}
    made = subprocess.run([command], env=environment, capture_output=True, text=True, check=True).stdout
    assert "_newsletter_completion" in made
