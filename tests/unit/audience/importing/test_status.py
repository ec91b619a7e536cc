"""Cells in which exports of other tools say who has left, in columns whose heading does not say it."""

from __future__ import annotations

import io

import pytest

from newsletter.audience.importing.profiles import State, Terms
from newsletter.audience.importing.rows import Row, read_sheet
from newsletter.errors import RequestError


def rows(text: str, *, any_status: bool = False) -> list[Row]:
    return list(read_sheet(io.BytesIO(text.encode()), terms=Terms(status=State.CONFIRMED if any_status else None)).rows)


@pytest.mark.parametrize(
    ("heading", "cell"),
    [
        ("State", "Unsubscribed"), ("State", "Bounced"), ("State", "Deleted"), ("type", "unsubscribed"),
        ("x", "not subscribed"), ("x", "opted_out"), ("Stage", " OPTED-OUT "), ("group", "Hard bounce"),
        ("x", "spam complaint"), ("État", "Désabonnée"), ("État", "de\u0301sinscrit"), ("x", "DESABONNE"),
        ("Estado", "Baja"), ("Estado", "dado de baja"), ("Estado", "Cancelado"), ("Stato", "disiscritto"),
        ("x", "Abgemeldet"), ("x", "afgemeld"), ("x", "wypisany"), ("x", "已退订"), ("x", "取消订阅"), ("x", "解除"),
        ("x", "Отписался"), ("x", "отписан"), ("x", "ｕｎｓｕｂｓｃｒｉｂｅｄ"), ("x", "unsub\u200bscribed"),
    ],
)  # fmt: skip
def test_cell_that_says_who_left_another_tool_is_refused(heading: str, cell: str) -> None:
    text = f"email,{heading}\nana@example.org,other\ngone@example.org,{cell}\n"
    with pytest.raises(RequestError, match="may not be written to") as caught:
        rows(text)
    assert f"Column {heading} contains " in str(caught.value)
    assert "(line 3)" in str(caught.value)
    assert "--status confirmed" in caught.value.hint
    assert len(rows(text, any_status=True)) == 2


def test_each_word_is_named_once_with_its_first_line() -> None:
    body = "a@example.org,Active,\nb@example.org,Bounced,removed\nc@example.org,Unsubscribed,\nd@example.org,BOUNCED,\n"
    with pytest.raises(RequestError) as caught:
        rows("email,State,x\n" + body * 100)
    assert str(caught.value).startswith(
        "Column State contains Bounced (line 3), Unsubscribed (line 4); column x contains removed (line 3): such"
    )


@pytest.mark.parametrize(
    "text",
    [
        "email,state,priority\na@example.org,Baja California,baja\n",
        "email,plan,vip\na@example.org,inactive,no\nb@example.org,deleted,false\n",
        "email,note\na@example.org,unsubscribed from the magazine\n",
        "email,name,first_name\na@example.org,Removed,…\n",
        "email,attribute:state\na@example.org,unsubscribed\n",
        "line,reason,email\n3,bounced,a@example.org\n",
        "email,suppressed,suppressed_note,x\na@example.org,manual,unsubscribed,bounced\n",
        "email,consent,state\na@example.org,unsubscribed,unsubscribed\n",
    ],
)
def test_ordinary_cells_and_our_own_columns_are_no_status(text: str) -> None:
    assert rows(text)
