"""500 hostile values as a name in an email: no header, line or element more, and the words come through."""

from __future__ import annotations

import re
from email import message_from_bytes, policy

from letters import LETTERHEAD, claim, edition
from naughty import NAUGHTY, Elements, essence

from newsletter.audience.importing.cells import words
from newsletter.compiler.edition import Slot, SlotKind
from newsletter.delivery.compose.mould import make_mould
from newsletter.expression import parse_field

LETTER = edition(
    html='<p title="PARTslot">Hello NAMEslot</p>\n<a href="https://example.org/?q=URLslot">Leave</a>\n',
    text="Hello NAMEslot.\n\nThe end\n",
    slots=(
        Slot("NAMEslot", parse_field('subscriber.name | default("there")'), SlotKind.TEXT),
        Slot("PARTslot", parse_field("subscriber.city"), SlotKind.TEXT),
        Slot("URLslot", parse_field("subscriber.city"), SlotKind.URL_PART),
    ),
)


def test_email_has_no_header_line_or_element_more_and_keeps_the_words() -> None:
    mould = make_mould(LETTER, LETTERHEAD)
    plain = message_from_bytes(mould.cast(claim(values={"name": "Ana", "city": "Ulm"})).data, policy=policy.default)
    for value in NAUGHTY:
        data = mould.cast(claim(values={"name": " ".join(words(value).split()), "city": value})).data
        message = message_from_bytes(data, policy=policy.default)
        assert message.keys() == plain.keys(), repr(value)
        lines = data.split(b"\r\n")
        assert max(map(len, lines)) <= 998, repr(value)
        assert not re.search(rb"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\xff]|\r(?!\n)|(?<!\r)\n", data), repr(value)
        assert "\n" not in message["Subject"]
        said = essence(re.sub("[\ud800-\udfff]", "?", value))
        html, text = (part.get_content() for kind in ("html", "plain") if (part := message.get_body((kind,))))
        seen = Elements(html)
        assert seen.found == ["p", "title", "a", "href"], repr(value)
        assert essence("".join(seen.words)) == "Hello" + (said or "there") + "Leave", repr(value)
        assert essence(seen.values["title"]) == said, repr(value)
        assert len(text.splitlines()) == 3, repr(value)
        assert essence(text) == "Hello" + (said or "there") + ".Theend", repr(value)
        assert essence(message["Subject"]) == "Hello" + (said or "there"), repr(value)
