"""The door to a project's files: regular files, no links below the project, never secrets, databases or dot files."""

from __future__ import annotations

import ast
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from writing import write_project

import newsletter
from newsletter.authoring.files import RefusedFileError, names_in, quotable, read_file, shown
from newsletter.authoring.load import find_issues, load_issue
from newsletter.problem import Place, Problem

SECRET = "root:x:0:0: [secret"


def read(file: Path, root: Path) -> bytes:
    return read_file(file, root, 100)


def refusal(file: Path, root: Path) -> RefusedFileError:
    with pytest.raises(RefusedFileError) as refused:
        read(file, root)
    return refused.value


def refused_in(folder: Path) -> list[Problem]:
    """The refused files of every issue of a project; none of them is read."""
    found = find_issues([folder / "issues"], root=folder)
    problems = [problem for file in found for problem in load_issue(file, root=folder).problems]
    assert "secret" not in "".join(f"{problem.message}{problem.quote}{problem.hint}" for problem in problems)
    return [problem for problem in problems if problem.id == "refused-file"]


@pytest.mark.parametrize("target", ["outside", "inside"])
@pytest.mark.parametrize(
    "name", ["maps/issue.yaml", "maps/issue.zh.yaml", "maps/issue.de.yaml", "people.yaml", "maps/people.yaml"]
)
def test_linked_file_is_refused_unread(tmp_path: Path, name: str, target: str) -> None:
    folder = tmp_path / "project"
    write_project(folder)
    secret = (tmp_path if target == "outside" else folder) / "words"
    secret.write_text(SECRET, encoding="utf-8")
    link = folder / "issues" / name
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(secret, link.parent))
    assert {problem.place for problem in refused_in(folder)} == {Place(f"issues/{name}")}
    assert load_issue(folder / "issues/maps/issue.yaml", root=folder).issue is None


@pytest.mark.parametrize("target", ["outside", "inside"])
@pytest.mark.parametrize("name", ["issues", "issues/maps", "issues/spring"])
def test_linked_folder_is_refused_unread(tmp_path: Path, name: str, target: str) -> None:
    folder = tmp_path / "project"
    write_project(folder)
    away = (tmp_path if target == "outside" else folder) / "secret"
    (folder / name).rename(away) if (folder / name).exists() else write_project(away)
    (folder / name).symlink_to(away)
    assert {problem.place for problem in refused_in(folder)} == {Place(name)}


def test_project_may_be_reached_through_a_link(tmp_path: Path) -> None:
    write_project(tmp_path / "original")
    (tmp_path / "way").symlink_to(tmp_path / "original")
    for root in (tmp_path / "way", tmp_path / "original"):
        for named in (tmp_path / "way", tmp_path / "original"):
            file = named / "issues" / "maps" / "issue.yaml"
            assert load_issue(file, root=root).problems == ()
            assert shown(file, root) == "issues/maps/issue.yaml"


def test_issue_named_outside_the_project_is_read_through_any_way_to_it(tmp_path: Path) -> None:
    write_project(tmp_path / "elsewhere")
    (tmp_path / "project").mkdir()
    (tmp_path / "way").symlink_to(tmp_path / "elsewhere" / "issues")
    for file in (tmp_path / "elsewhere/issues/maps/issue.yaml", tmp_path / "way/maps/issue.yaml"):
        loaded = load_issue(file, root=tmp_path / "project")
        assert (loaded.problems, loaded.issue is None) == ((), False)
    found = find_issues([tmp_path / "way"], root=tmp_path / "project")
    assert found == [tmp_path / "way/maps/issue.yaml"]


def test_link_outside_is_no_way_around_one_inside(tmp_path: Path) -> None:
    write_project(tmp_path / "project")
    (tmp_path / "project/issues/link").symlink_to(tmp_path / "project/issues/maps")
    (tmp_path / "way").symlink_to(tmp_path / "project/issues")
    assert refusal(tmp_path / "way/link/issue.yaml", tmp_path / "project").name == "issues/link"


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(path))  # the whole path is too long for one


def link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [make_pipe, make_socket, Path.mkdir, link_to_a_device])
@pytest.mark.parametrize(
    "name", ["maps/issue.yaml", "maps/issue.zh.yaml", "people.yaml", "personas.yaml", "maps/coast.png"]
)
def test_what_is_no_file_is_refused_and_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, make: Callable[[Path], None]
) -> None:
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "issues" / name
    file.unlink()
    make(file)
    assert refusal(file, tmp_path).name == f"issues/{name}"
    assert bool(load_issue(tmp_path / "issues/maps/issue.yaml", root=tmp_path).problems) is (name != "personas.yaml")


@pytest.mark.parametrize(
    "name",
    ["secret.toml", "Secret.TOML", "newsletter.toml", "newsletter.db", "newsletter.db-wal", "news.DB-shm", ".env",
     ".git/config", ".hidden/issue.yaml", "high-water.json", "journal/receipts", "ｓecret.toml", "secret.toml. ",
     "issues/secret.toml", "issues/maps/.env"],
)  # fmt: skip
def test_secrets_databases_and_dot_files_are_never_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(SECRET)
    assert "is never read" in str(refusal(tmp_path / name, tmp_path))
    assert quotable(name, tmp_path) is None


def test_other_name_of_a_secret_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.toml").write_text(SECRET)
    (tmp_path / "words.yaml").hardlink_to(tmp_path / "secret.toml")
    (tmp_path / "one.yaml").write_text("words")
    (tmp_path / "two.yaml").hardlink_to(tmp_path / "one.yaml")
    assert refusal(tmp_path / "words.yaml", tmp_path).name == "words.yaml"
    assert read(tmp_path / "two.yaml", tmp_path) == b"words"


def test_file_that_is_exchanged_for_a_link_meanwhile_is_never_followed(tmp_path: Path) -> None:
    """Somebody who can write into the folder swaps file and link as fast as they can."""
    folder, done = tmp_path / "issues", threading.Event()
    folder.mkdir()
    (tmp_path / "secret").write_text(SECRET)
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "words").write_text("words")

    def exchange() -> None:
        while not done.is_set():
            for name in ("link", "words"):
                os.link(folder / name, folder / "draft", follow_symlinks=False)
                (folder / "draft").rename(folder / "issue.yaml")
                (folder / "draft").unlink(missing_ok=True)

    swapping = threading.Thread(target=exchange)
    swapping.start()
    seen = set()
    try:
        for _ in range(2000):
            try:
                seen.add(read(folder / "issue.yaml", tmp_path))
            except OSError:
                seen.add(b"refused")
    finally:
        done.set()
        swapping.join()
    assert seen <= {b"words", b"refused"}


def test_names_of_a_linked_folder_are_not_told(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project/link").symlink_to(tmp_path)
    with pytest.raises(RefusedFileError):
        names_in(tmp_path / "project/link", tmp_path / "project")
    assert names_in(tmp_path, tmp_path) == ["project"]


def test_links_in_circles_end(tmp_path: Path) -> None:
    issue = write_project(tmp_path)
    folder = issue.parent / "a"
    folder.mkdir()
    (folder / "round").symlink_to(issue.parent)
    (folder / "circle.yaml").symlink_to(folder / "circle.yaml")
    found = find_issues([issue.parent], root=tmp_path)
    assert found == [folder / "circle.yaml", folder / "round/issue.yaml", issue / "issue.yaml"]
    assert {problem.place.file for problem in refused_in(tmp_path)} == {"issues/a/circle.yaml", "issues/a/round"}


_PACKAGE = Path(newsletter.__file__).parent
_OPENING = {"open", "fdopen", "read_text", "read_bytes", "glob", "rglob", "iterdir", "listdir", "scandir"}


@pytest.mark.parametrize("room", ["source", "authoring", "compiler", "app/issues"])
def test_no_other_module_of_these_rooms_opens_files(room: str) -> None:
    for file in (_PACKAGE / room).rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        names = {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in called}
        allowed = {
            "authoring/files.py": _OPENING,
            "authoring/fields/explain.py": {"read_text"},  # the package's own data
            "authoring/blocks/simple/code.py": {"read_text"},  # the same
            "authoring/fields/mjml.py": {"read_text"},  # the same
            "compiler/mjml/child.py": {"fdopen"},  # its standard output
            "compiler/wording/phrases.py": {"read_text"},  # the package's own data
            "source/syntax.py": {"read_text"},  # the same
            "source/characters.py": {"read_text"},  # the same
        }
        assert names & _OPENING <= allowed.get(file.relative_to(_PACKAGE).as_posix(), set()), file
