from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.authoring.persona import BUILT_IN, Persona, choose_persona, load_personas


def test_project_without_personas_has_the_one_built_in(tmp_path: Path) -> None:
    assert load_personas(tmp_path / "personas.yaml", root=tmp_path) == ((BUILT_IN,), ())


def test_personas_are_loaded_in_order(tmp_path: Path) -> None:
    file = tmp_path / "personas.yaml"
    file.write_text(
        "- {id: mei, name: 美, email: m@example.org, language: ZH-cn, timezone: Asia/Tokyo, attributes: {city: X}}\n"
        "- {id: nobody}\n",
        encoding="utf-8",
    )
    personas, problems = load_personas(file, root=tmp_path)
    assert problems == ()
    assert personas == (
        Persona(
            id="mei",
            name="美",
            email="m@example.org",
            language="zh-CN",
            timezone="Asia/Tokyo",
            attributes={"city": "X"},
        ),
        Persona(id="nobody"),
    )


@pytest.mark.parametrize(
    ("text", "rule", "line", "column"),
    [
        ("mei: {}\n", "wrong-type", 1, 1),
        ("[]\n", "empty-value", 1, 1),
        ("- id: mei\n  email: mei\n", "bad-name", 2, 10),
        ("- id: mei\n  language: chinese\n", "bad-language", 2, 13),
        ("- id: mei\n  timezone: Mars\n", "bad-timezone", 2, 13),
        ("- id: mei\n  attributes: {age: 7}\n", "wrong-type", 2, 21),
        ("- name: Mei\n", "missing-key", 1, 3),
        ("- id: [\n", "yaml", 2, 1),
    ],
)
def test_personas_that_are_wrong_leave_the_one_built_in(
    tmp_path: Path, text: str, rule: str, line: int, column: int
) -> None:
    (tmp_path / "issues").mkdir()
    file = tmp_path / "issues" / "personas.yaml"
    file.write_text(text, encoding="utf-8")
    personas, problems = load_personas(file, root=tmp_path)
    assert personas == (BUILT_IN,)
    assert [(p.id, str(p.place)) for p in problems] == [(rule, f"issues/personas.yaml:{line}:{column}")]


def test_persona_of_a_name_that_is_taken_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "personas.yaml"
    file.write_text("- {id: mei, name: A}\n- {id: mei, name: B}\n", encoding="utf-8")
    personas, problems = load_personas(file, root=tmp_path)
    assert [persona.name for persona in personas] == ["A"]
    assert [(p.id, p.place.line, p.place.column) for p in problems] == [("duplicate-id", 2, 8)]


def test_personas_that_are_a_link_out_of_the_project_are_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("- {id: mei}\n", encoding="utf-8")
    file = tmp_path / "project" / "personas.yaml"
    file.parent.mkdir()
    file.symlink_to(tmp_path / "secret")
    personas, problems = load_personas(file, root=file.parent)
    assert personas == (BUILT_IN,)
    assert [(problem.id, problem.quote) for problem in problems] == [("refused-file", "")]


@pytest.mark.parametrize(("language", "wanted"), [("zh", "mei"), ("en", "unknown"), ("de", "unknown")])
def test_persona_of_the_language_else_the_first(language: str, wanted: str) -> None:
    people = (Persona(id="unknown"), Persona(id="mei", language="zh-CN"), Persona(id="ana", language="en"))
    assert choose_persona(people, language, ("en", "zh", "de")).id == wanted
