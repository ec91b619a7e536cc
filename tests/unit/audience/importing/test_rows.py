"""CSV files from anywhere: what is read, what is refused, and with which words."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience.importing import rows as reading
from newsletter.audience.importing.cells import MAX_CELL, clean, escaped, harmless, restored, row_writer
from newsletter.audience.importing.headings import MAX_COLUMNS
from newsletter.audience.importing.rows import MAX_ROW, Row, read_sheet
from newsletter.errors import RequestError


def rows(text: str | bytes, encoding: str = "") -> list[Row]:
    data = text.encode() if isinstance(text, str) else text
    return list(read_sheet(io.BytesIO(data), encoding=encoding).rows)


def cells(text: str | bytes, encoding: str = "") -> list[dict[str, str]]:
    return [dict(row.cells) for row in rows(text, encoding)]


ANA = {"email": "ana@example.org", "name": "Ána, A."}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_file_is_read_whatever_wrote_it(delimiter: str, end: str, encoding: str) -> None:
    text = delimiter.join(["email", "name"]) + end + delimiter.join(["ana@example.org", '"Ána, A."']) + end
    assert cells(text.encode(encoding)) == [ANA]


def test_delimiter_is_the_one_that_gives_an_email_column() -> None:
    assert cells('"a,b,c,d";email\n1;ana@example.org\n') == [{"a_b_c_d": "1", "email": "ana@example.org"}]


def test_single_column_needs_no_delimiter() -> None:
    assert cells("email\nana@example.org\n") == [{"email": "ana@example.org"}]


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"'])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_that_only_says_the_delimiter_is_heeded(line: str, end: str) -> None:
    [row] = rows(f"\ufeff{line}{end}a,b;email{end}1;ana@example.org{end}".encode())
    assert (row.line, dict(row.cells)) == (3, {"a_b": "1", "email": "ana@example.org"})
    assert cells("sep=,\na;b,email\n1,ana@example.org\n") == [{"a_b": "1", "email": "ana@example.org"}]
    assert cells("email;sep=;\nana@example.org;1\n") == [{"email": "ana@example.org", "sep": "1"}]


@pytest.mark.parametrize("begin", [b"PK\x03\x04\x14\x00", b"\xd0\xcf\x11\xe0\xa1\xb1"])
@pytest.mark.parametrize("encoding", ["", "windows-1252"])
def test_workbook_is_told_as_one(begin: bytes, encoding: str) -> None:
    with pytest.raises(RequestError, match="Excel workbook") as caught:
        read_sheet(io.BytesIO(begin + bytes(100)), encoding=encoding)
    assert "Save it as CSV" in caught.value.hint


def test_columns_are_known_without_regard_to_case_and_spaces() -> None:
    assert cells(" EMAIL ,Favourite Topic\nana@example.org,tea\n") == [
        {"email": "ana@example.org", "favourite_topic": "tea"}
    ]


def test_line_end_inside_quotes_belongs_to_the_cell_and_lines_are_counted_on() -> None:
    found = rows('email,note\na@example.org,"one\r\ntwo"\n\n  ,\nb@example.org,x\n')
    assert [(row.line, row.cells["note"]) for row in found] == [(2, "one\ntwo"), (6, "x")]


def test_missing_cells_are_empty_and_empty_ones_too_many_do_not_matter() -> None:
    assert cells("email,name\na@example.org\nb@example.org,B,,\n") == [
        {"email": "a@example.org", "name": ""},
        {"email": "b@example.org", "name": "B"},
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("b@example.org,B,extra", "3 cells, the first line 2"),
        ("b@example.org," + "x" * (MAX_CELL + 1), "cell name is longer"),
        ("b@example.org," + "x" * (MAX_ROW + 1), "longer than"),
        ("b@example.org," + "x" * (2 * MAX_ROW), "longer than"),
        ("b@example.org," + "," * 300 + "x", "302 cells"),
        ('"b"@example.org,B', "cannot be read"),
    ],
)
def test_row_that_cannot_be_used_says_why_and_harms_no_other(line: str, says: str) -> None:
    first, second, third = rows(f"email,name\na@example.org,A\n{line}\nc@example.org,C\n")
    assert (first.fault, third.fault) == ("", "")
    assert third.cells == {"email": "c@example.org", "name": "C"}
    assert re.search(says, second.fault)
    assert "@example.org" in "".join(second.raw)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\n \r\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b";", "only delimiters"),
        (b"name\nAna\n", "no column called email"),
        (b"email,email\n", "two columns called email"),
        (b"email,E-Mail,e mail\n", "two columns called e_mail"),
        (b"email,,x\n", "Column 2 has no name"),
        (b"email," + b"x" * 81 + b"\n", "longer than 80"),
        (b"email," + b"x" * MAX_ROW, "Line 1 is longer"),
        (b"email,consent,consent:weekly\n", "consent beside those of single lists"),
        (b"email," + b",".join(b"c%d" % n for n in range(MAX_COLUMNS)) + b"\n", "201 columns"),
        (b"email,name\nana@example.org,\xc1na\n", "Line 2 is not UTF-8"),
        (b'"email\n', "column names cannot be read"),
        (b'email,name\na@example.org,"A\nb@example.org,B\n', "From line 2 on"),
        (b'email,name\na@example.org,"' + b"x\n" * 100_000, "From line 2 on"),
        (b"email,name\na@example.org" + b',"x\n"' * 300_000, "From line 2 on.* longer than"),
    ],
)
def test_file_that_cannot_be_read_is_refused_as_a_whole(data: bytes, says: str) -> None:
    with pytest.raises(RequestError, match=says):
        rows(data)


@pytest.mark.parametrize(
    ("heading", "hint"),
    [("E-Mail", "--map E-Mail=email"), ("ana@example.org", "must name the columns"), ("who", "names: who")],
)
def test_missing_email_column_gets_a_hint(heading: str, hint: str) -> None:
    with pytest.raises(RequestError) as caught:
        rows(f"{heading}\nx\n")
    assert hint in caught.value.hint


def test_encoding_that_is_named_is_used() -> None:
    assert cells("email,name\na@example.org,Ána\n".encode("windows-1252"), "windows-1252")[0]["name"] == "Ána"


@pytest.mark.parametrize(
    "encoding",
    ["no-such", "base64", "rot13", "\udcff", "idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"],
)
def test_encoding_that_is_none_is_refused(encoding: str) -> None:
    with pytest.raises(RequestError, match="no encoding"):
        rows(b"email\n", encoding)


def test_half_a_character_is_the_fault_of_its_row() -> None:
    first, second = rows(b"email,name\na@example.org,+2D0-\nb@example.org,B\n", "utf-7")
    assert "half a character (U+D83D)" in first.fault
    assert second.cells == {"email": "b@example.org", "name": "B"}


def test_mended_file_of_rejects_is_read_without_its_first_columns() -> None:
    assert cells("line,reason,Email,name\n4,why,ana@example.org,Ana\n") == [{"email": "ana@example.org", "name": "Ana"}]


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        ("one\rtwo", 0), ("one\vtwo", 0), ("one\ftwo", 0), ("one\x85two", 0), ("one\u2028two", 0), ("one\u2029two", 0),
        ("one \x00two", 1), ("one\u202e two", 1), ("\u200bone two", 1), ("one \x1btwo\u2066", 1), ("one two\ufeff", 1),
    ],
)  # fmt: skip
def test_control_characters_are_no_part_of_a_name_or_attribute(text: str, notes: int) -> None:
    [row] = rows(f'email,note\na@example.org,"{text}"\n')
    assert (row.cells["note"], len(row.notes)) == ("one two", notes)


def test_joiners_that_text_needs_stay() -> None:
    text = "می\u200cخواهم 👩\u200d🚀"
    [row] = rows(f"email,note\na@example.org,{text}\n")
    assert (row.cells["note"], row.notes) == (text, ())


@pytest.mark.parametrize("text", ["=1+1", "+49 30", "-1", "@sum(a1)", "\t=1", "＝1", "'=1", "''@x", "one\n=cmd|x\n'-2"])
def test_formula_is_made_harmless_in_every_line_and_comes_back(text: str) -> None:
    assert all(line.startswith("'") or line == "one" for line in harmless(text).split("\n"))
    assert restored(harmless(text)) == restored(escaped(text)) == text


@pytest.mark.parametrize("text", ["", "Ana", "'s Gravenhage", "a=b", "3-4", "one\ntwo"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert harmless(text) == escaped(text) == restored(text) == text


hostile = st.text(
    st.sampled_from("a=+-@'\"\n\r\t\v\f ,;|\x00\x1b\x1c\x85\u2028\u2029\u202e\u200b\ufeff＝ß漢é@.")
    | st.characters(exclude_categories=["Cs"])
)
"""Control characters, quotes, delimiters, formulas, leading apostrophes, and all of Unicode but half characters."""


@given(st.lists(st.tuples(hostile, hostile), max_size=5), st.sampled_from(",;\t|"), st.booleans())
def test_what_is_exported_is_imported_again(texts: list[tuple[str, str]], delimiter: str, raw: bool) -> None:
    out = io.StringIO(newline="")
    written = [(f"p{number}@example.org", clean(name), clean(note)) for number, (name, note) in enumerate(texts)]
    write = row_writer(out, delimiter=delimiter, raw=raw)
    for row in [("email", "name", "attribute:note"), *written]:
        write(row)
    assert [tuple(row.cells.values()) for row in rows(out.getvalue())] == written
    if not raw:
        beginnings = [line[0] for cells in csv.reader(io.StringIO(out.getvalue(), newline=""), delimiter=delimiter)
                      for cell in cells for line in cell.splitlines() if line]  # fmt: skip
        assert not set(beginnings) & set("=+-@＝\t\r")


@given(hostile)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert clean(text).splitlines() == [line for line in clean(text).split("\n") if clean(text)]


@given(hostile)
def test_rejected_row_begins_no_other(text: str) -> None:
    out = io.StringIO(newline="")
    row_writer(out)(["2", "why", text])
    assert len(list(csv.reader(out.getvalue().splitlines(keepends=True)))) == 1


@given(st.binary(max_size=200))
def test_no_bytes_bring_the_reader_down(data: bytes) -> None:
    for content in (data, b"email,name\n" + data):
        try:
            found = rows(content)
        except RequestError:
            continue
        assert all(row.fault or "email" in row.cells for row in found)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_that_is_no_text_is_told_by_its_number(end: str) -> None:
    data = (
        end.join(["email,name", *["a@example.org,A"] * 5000]).encode() + f"{end}b@example.org,".encode() + b"\xff\xfe"
    )
    with pytest.raises(RequestError, match="Line 5002 is not UTF-8"):
        rows(data)


def test_raw_export_leaves_formulas() -> None:
    out = io.StringIO(newline="")
    row_writer(out, raw=True)(["=x"])
    assert out.getvalue() == "=x\n"


@given(st.lists(st.lists(st.text("ab \t'=+@\u202e\u200dé\"\u2028", max_size=4), min_size=3, max_size=4)))
def test_plain_rows_are_read_as_all_others(cells: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([["email", "name", "city"], *cells])

    quickly = rows(file.getvalue())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reading, "_plain", lambda *_: None)
        assert rows(file.getvalue()) == quickly
