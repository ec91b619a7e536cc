"""Templates: what they see, whose fault an error is, and that data never becomes code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from compiling import (
    LAYOUT,
    compile_text,
    edition_of,
    make_content,
    make_issue,
    make_kit,
    rich_content,
    write_templates,
)

from newsletter.app.project import shipped_templates
from newsletter.authoring.blocks.highlights import Article, HighlightsBlock
from newsletter.authoring.blocks.simple.divider import DividerBlock
from newsletter.authoring.blocks.simple.heading import HeadingBlock
from newsletter.authoring.blocks.simple.quote import QuoteBlock
from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.authoring.parts import Author
from newsletter.compiler.compile import compile_issue
from newsletter.problem import Place, Severity


def test_projects_template_comes_first(tmp_path: Path) -> None:
    folder = write_templates(
        tmp_path,
        text="<mj-section><mj-column><mj-text>MINE {{ block.text | inline }}</mj-text></mj-column></mj-section>",
    )
    assert "MINE words" in edition_of(compile_text("words", make_kit(folder))).html


def test_text_is_escaped_and_never_a_template(tmp_path: Path) -> None:
    folder = write_templates(tmp_path)
    compiled = compile_text(
        "{{ 7 * 7 }} {% raw %} <script>x</script>", make_kit(folder), title='"><script>alert(1)</script>'
    )
    html = edition_of(compiled).html
    assert "<script" not in html
    assert "49" not in html.replace(edition_of(compiled).hash, "")
    assert "{% raw %}" in html


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("\n\n{{ nothing }}", 3, "'nothing' is undefined"),
        ("\n{{ block.nothing }}", 2, "no attribute 'nothing'"),
        ("{% if %}", 1, "Expected an expression"),
        ("\n{{ 1 + 'a' }}", 2, "TypeError"),
        ("\n{{ t('nonsense') }}", 2, "nonsense"),
        ("\n{{ block.text | nonsense }}", 2, "nonsense"),
        ("{% include 'parts/nowhere.mjml.j2' %}", 0, "no template parts/nowhere.mjml.j2"),
    ],
)
def test_mistake_in_a_template_has_its_place(tmp_path: Path, source: str, line: int, message: str) -> None:
    compiled = compile_text("words", make_kit(write_templates(tmp_path, text=source)))
    assert compiled.edition is None
    problem = compiled.problems[-1]
    assert message in problem.message
    assert problem.place.line == line
    assert problem.place.file == ("templates/blocks/text.mjml.j2" if line else "templates/parts/nowhere.mjml.j2")


def test_endless_recursion_in_a_template_is_a_problem(tmp_path: Path) -> None:
    folder = write_templates(tmp_path, text="{% include 'blocks/text.mjml.j2' %}")
    assert "RecursionError" in compile_text("words", make_kit(folder)).problems[-1].message


@pytest.mark.parametrize("name", ["templates", "templates/blocks", "templates/blocks/text.mjml.j2"])
def test_template_behind_a_link_out_of_the_project_is_refused_unread(tmp_path: Path, name: str) -> None:
    root = tmp_path / "project"
    folder = write_templates(root, text="<mj-raw>secret {{ oops }}</mj-raw>")
    (root / name).rename(tmp_path / "elsewhere")
    (root / name).symlink_to(tmp_path / "elsewhere")
    compiled = compile_text("words", make_kit(folder))
    assert compiled.edition is None
    assert [(p.id, p.place, p.quote) for p in compiled.problems] == [("refused-file", Place(name), "")]


def test_block_without_a_template_is_a_problem(tmp_path: Path) -> None:
    class Odd(DividerBlock):
        type = "odd"

    compiled = compile_issue(make_issue(make_content(Odd())), "en", make_kit(write_templates(tmp_path)))
    assert [p.id for p in compiled.problems] == ["missing-template"]


def test_mjml_that_does_not_compile_names_template_block_and_line(tmp_path: Path) -> None:
    folder = write_templates(
        tmp_path, text="<mj-section><mj-column>\n<mj-text><p>{{ block.text }}</mj-text></mj-column></mj-section>"
    )
    content = make_content(DividerBlock(), TextBlock("words"))
    compiled = compile_issue(make_issue(content), "en", make_kit(folder))
    (problem,) = compiled.problems
    assert problem.place == Place("templates/blocks/text.mjml.j2", 2)
    assert "blocks[1]" in problem.message
    assert "<mj-text><p>{{ block.text }}</mj-text>" in problem.quote


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('<mj-include path="x.mjml" />', "mj-include"),
        (
            '<mj-section\n padding="0 20px"><mj-column></mj-column></mj-section>',
            'padding="0 20px" begins with a bare 0',
        ),
        ("<mj-section><mj-column><mj-button inner-padding='0 9px 0'>x</mj-button></mj-column></mj-section>", "bare 0"),
        ("<mj-section><mj-column><mj-tekst>x</mj-tekst></mj-column></mj-section>", "no element <mj-tekst>"),
        ("<b>" * 20_000 + "</b>" * 20_000, "nested too deeply"),
    ],
)
def test_mjml_that_would_break_is_a_problem(tmp_path: Path, source: str, message: str) -> None:
    compiled = compile_text("words", make_kit(write_templates(tmp_path, text=source)))
    assert compiled.edition is None
    assert message in compiled.problems[-1].message
    assert compiled.problems[-1].severity is Severity.ERROR


@pytest.mark.parametrize("padding", ["0", "20px 0", "0px 20px", "0.5px 0"])
def test_padding_that_is_understood_is_no_problem(tmp_path: Path, padding: str) -> None:
    source = f'<mj-section padding="{padding}"><mj-column><mj-text>0 1</mj-text></mj-column></mj-section>'
    assert edition_of(compile_text("words", make_kit(write_templates(tmp_path, text=source))))


def test_inline_style_is_inlined(tmp_path: Path) -> None:
    style = '<mj-style inline="inline">.warm { color: #a00 }</mj-style></mj-head>'
    folder = write_templates(
        tmp_path,
        layout=LAYOUT.replace("</mj-head>", style),
        text='<mj-section><mj-column><mj-text><p class="warm">x</p></mj-text></mj-column></mj-section>',
    )
    assert '<p class="warm" style="color:#aa0000">' in edition_of(compile_text("words", make_kit(folder))).html


def test_bad_inline_style_is_a_problem(tmp_path: Path) -> None:
    style = '<mj-style inline="inline">@import url(https://e.example/x.css);</mj-style></mj-head>'
    compiled = compile_text("x", make_kit(write_templates(tmp_path, layout=LAYOUT.replace("</mj-head>", style))))
    assert compiled.problems[-1].id == "inline-style"


def test_image_function_gives_url_and_size(tmp_path: Path) -> None:
    source = (
        "{% set s = image(content.hero, 200) %}<mj-section><mj-column><mj-image src='{{ s.url }}'"
        " width='{{ s.width }}px' height='{{ s.height }}px' alt='{{ content.hero.alt }}' /></mj-column></mj-section>"
    )
    content = make_content(TextBlock("x"), hero=rich_content().hero)
    edition = edition_of(compile_issue(make_issue(content), "en", make_kit(write_templates(tmp_path, text=source))))
    (asset,) = edition.assets
    assert f'src="https://news.example/assets/{asset.name}"' in edition.html
    assert 'width="200"' in edition.html
    assert 'height="100"' in edition.html


def test_names_written_the_other_way_do_not_turn_their_line() -> None:
    authors = (Author("Ana Example", url="https://ana.example"), Author("נועה לביא"))
    article = Article("כותרת", authors=authors, reading_time=11, label="Opinion", summary="מילים.")
    content = make_content(
        HighlightsBlock((article,)),
        QuoteBlock("מילים.", by="Bo, *[1984](https://bo.example/)*"),
        language="he",
        authors=authors[:1],
        publication="The Paper",
    )
    html = edition_of(compile_issue(make_issue(content), "he", make_kit())).html
    isolated = re.findall("\u2068(.*?)\u2069", html)
    (by,) = [words for words in isolated if words.startswith("Bo, ")]
    assert "https://bo.example/" in by
    assert isolated[:6] == ["The Paper", "Ana Example", "Ana Example", "Opinion", by, "The Weekly"]
    assert "\u2068\u2068Weekly Press\u2069, \u20681 Example Street, Sample Town\u2069\u2069" in html


ROWS = LAYOUT.replace(
    "{% for block in content.blocks %}{{ render_block(block) }}{% endfor %}", "{{ render_blocks(content.blocks) }}"
)


def test_neighbouring_blocks_share_a_section(tmp_path: Path) -> None:
    section = "<mj-section css-class='own'><mj-column><mj-text>{{ block.heading }}</mj-text></mj-column></mj-section>"
    folder = write_templates(
        tmp_path,
        layout=ROWS,
        text="<mj-text>{{ block.text | inline }}</mj-text>",
        heading=f"<!-- wide -->{section}",
        divider="\n",
    )
    blocks = (TextBlock("A"), DividerBlock(), TextBlock("B"), HeadingBlock("C"), HeadingBlock("D"), TextBlock("E"))
    edition = edition_of(compile_issue(make_issue(make_content(*blocks)), "en", make_kit(folder)))
    sections = [re.sub(r"<[^>]*>", "", part) for part in re.findall("(?s)<mj-section.*?</mj-section>", edition.mjml)]
    assert ["".join(section.split()) for section in sections[:-1]] == ["AB", "C", "D", "E"]
    assert edition.html.count('class="own"') == 2


def test_layout_that_places_each_block_itself_needs_no_sections(tmp_path: Path) -> None:
    folder = write_templates(tmp_path, text="<mj-text>{{ block.text | inline }}</mj-text>")
    edition = edition_of(
        compile_issue(make_issue(make_content(TextBlock("A"), TextBlock("B"))), "en", make_kit(folder))
    )
    assert edition.mjml.count("<mj-section>") == 3


def test_fault_in_a_shared_section_names_its_block(tmp_path: Path) -> None:
    folder = write_templates(
        tmp_path, layout=ROWS, text="<mj-text>fine</mj-text>\n", heading="\n<mj-text><p>{{ block.heading }}</mj-text>\n"
    )
    content = make_content(TextBlock("a"), HeadingBlock("words"), TextBlock("b"))
    (problem,) = compile_issue(make_issue(content), "en", make_kit(folder)).problems
    assert problem.place == Place("templates/blocks/heading.mjml.j2", 2)
    assert "blocks[1]" in problem.message
    assert "<mj-text><p>{{ block.heading }}</mj-text>" in problem.quote


def test_gap_of_a_block_depends_on_the_one_before_it(tmp_path: Path) -> None:
    source = "<mj-text>{{ previous.type if previous else 'first' }}</mj-text>"
    folder = write_templates(tmp_path, layout=ROWS, text=source, heading=source)
    content = make_content(TextBlock("a"), HeadingBlock("b"), TextBlock("c"))
    mjml = edition_of(compile_issue(make_issue(content), "en", make_kit(folder))).mjml
    assert re.findall("<mj-text>(first|text|heading)<", mjml) == ["first", "text", "heading"]


def test_no_level_of_headings_is_skipped() -> None:
    article = Article("Title", url="https://e.example", summary="Words.")
    blocks = (HighlightsBlock((article,)), HeadingBlock("Heading"), HighlightsBlock((article,)))
    html = edition_of(compile_issue(make_issue(make_content(*blocks)), "en", make_kit())).html
    assert re.findall(r"<h(\d)", html) == ["1", "2", "2", "3"]


_SHIPPED = ["layouts/default", "blocks/text", "blocks/quote", "blocks/highlights", "parts/figure", "parts/head"]


@pytest.mark.parametrize("name", _SHIPPED)
def test_tag_that_a_template_of_the_project_forgot_is_blamed_on_its_line(name: str, tmp_path: Path) -> None:
    source = (shipped_templates() / f"{name}.mjml.j2").read_text(encoding="utf-8")
    folder = tmp_path / "templates"
    file = folder / f"{name}.mjml.j2"
    file.parent.mkdir(parents=True)
    issue, blamed = make_issue(rich_content()), 0
    for tag in re.finditer(r"</(mj-[a-z]+)>", source):
        file.write_text(source[: tag.start()] + source[tag.end() :], encoding="utf-8")
        problems = compile_issue(issue, "en", make_kit(folder)).problems
        if not problems:  # a branch that this issue does not take
            continue
        blamed += 1
        problem = problems[0]
        assert problem.place.file == f"templates/{name}.mjml.j2"
        assert problem.place.line
        assert f"<{tag[1]}>" in problem.message
    assert blamed


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("<mj-txt>{{ block.text | inline }}</mj-txt>", "mj-txt"),
        ("<mj-text color=red>{{ block.text | inline }}</mj-text>", "must be in quotes"),
        ('<mj-text padding="0 8px">{{ block.text | inline }}</mj-text>', "bare 0"),
    ],
)
def test_mjml_that_a_part_makes_wrong_is_blamed_on_its_line(tmp_path: Path, wrong: str, says: str) -> None:
    folder = write_templates(tmp_path, text='{% import "parts/mine.mjml.j2" as mine %}{{ mine.words(block) }}')
    (folder / "parts").mkdir()
    macro = f"\n{{% macro words(block) %}}\n{wrong}\n{{% endmacro %}}\n"
    (folder / "parts" / "mine.mjml.j2").write_text(macro, encoding="utf-8")
    problems = compile_text("words", make_kit(folder)).problems
    assert {problem.place for problem in problems} == {Place("templates/parts/mine.mjml.j2", 3)}
    assert all(says in problem.message for problem in problems)


def test_wrong_use_of_a_shipped_part_is_blamed_on_who_uses_it(tmp_path: Path) -> None:
    source = '{% import "parts/figure.mjml.j2" as figure %}\n{{ figure.figure(block.text, "4px") }}'
    (problem,) = compile_text("words", make_kit(write_templates(tmp_path, text=source))).problems
    assert problem.place == Place("templates/blocks/text.mjml.j2", 2)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ block.txt }}", "'text' has no attribute 'txt'. Did you mean 'text'? It has id, path, show_if, text, type"),
        ("{{ content.titel }}", "'content' has no attribute 'titel'. Did you mean 'title'? It has language, title"),
        ("{{ theme.light.inkk }}", "has no attribute 'inkk'. Did you mean 'ink'?"),
        ("{{ nope }}", "'nope' is undefined"),
    ],
)
def test_name_that_does_not_exist_is_told_with_those_that_do(tmp_path: Path, source: str, message: str) -> None:
    (problem,) = compile_text("words", make_kit(write_templates(tmp_path, text=source))).problems
    assert message in problem.message
    assert "newsletter." not in problem.message


def test_tag_that_the_layout_forgot_is_not_the_fault_of_a_block(tmp_path: Path) -> None:
    shipped = (shipped_templates() / "layouts" / "default.mjml.j2").read_text(encoding="utf-8")
    folder = tmp_path / "templates"
    (folder / "layouts").mkdir(parents=True)
    (folder / "layouts" / "default.mjml.j2").write_text(shipped.replace("</mj-column>", "", 1), encoding="utf-8")
    (problem,) = compile_issue(make_issue(rich_content()), "en", make_kit(folder)).problems
    assert problem.place.file == "templates/layouts/default.mjml.j2"
    (folder / "layouts" / "default.mjml.j2").unlink()
    (folder / "blocks").mkdir()
    (folder / "blocks" / "quote.mjml.j2").write_text("<mj-section><mj-column></mj-section>", encoding="utf-8")
    (problem,) = compile_issue(make_issue(rich_content()), "en", make_kit(folder)).problems
    assert (problem.place.file, "blocks[3]" in problem.message) == ("templates/blocks/quote.mjml.j2", True)


def test_pictures_are_never_part_of_a_text() -> None:
    mjml = edition_of(compile_issue(make_issue(rich_content()), "en", make_kit())).mjml
    assert len(re.findall("<mj-image", mjml)) >= 2
    assert not [text for text in re.findall("(?s)<mj-text.*?</mj-text>", mjml) if "<img" in text]


def test_code_stands_in_a_cell_of_its_own() -> None:
    html = edition_of(compile_text("Words.\n\n```\na\n```\n\nMore `b`.", make_kit())).html
    cell = re.search(
        r'<td class="tint" style="(padding:12px 16px;background-color:#\w{6})"><pre dir="ltr"[^>]*>a', html
    )
    assert cell is not None
    assert re.search(r'<code dir="ltr" style="[^"]*background-color[^"]*">b</code>', html)


@pytest.mark.parametrize(
    ("language", "fonts"),
    [("en", ("Arial, sans-serif", "Georgia, serif")), ("zh", ("Microsoft YaHei, sans-serif",) * 2)],
)
def test_outlook_gets_fonts_that_windows_has(language: str, fonts: tuple[str, str]) -> None:
    html = edition_of(compile_issue(make_issue(rich_content(language)), language, make_kit())).html
    (style,) = re.findall(r"(?s)<!--\[if mso\]><style>(.*?)</style><!\[endif\]-->", html)
    assert re.findall(r"font-family: ([^!]*) !important", style)[:2] == list(fonts)


def test_style_sheets_are_small_and_the_fragile_rule_stands_alone() -> None:
    html = edition_of(compile_issue(make_issue(rich_content()), "en", make_kit())).html
    sheets = re.findall(r"(?s)<style\b.*?</style>", html)
    assert sum(len(sheet.encode()) for sheet in sheets) <= 12_000
    (root,) = [sheet for sheet in sheets if ":root" in sheet]
    assert root.count("{") == 1
