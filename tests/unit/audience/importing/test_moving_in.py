"""Exports of other tools: nobody who left is confirmed, nobody who stayed is lost, and what is known comes along."""

from __future__ import annotations

import io
import itertools
from datetime import UTC, datetime

import pytest

from newsletter.audience.consent import Consent, Origin
from newsletter.audience.importing.decide import Entry, Rejection, read_entry
from newsletter.audience.importing.profiles import State, Terms, profile_of, profiles, strongest
from newsletter.audience.importing.rows import Row, read_sheet
from newsletter.audience.importing.translate import mailbox, moment, translated
from newsletter.errors import RequestError

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TERMS = Terms()
BASIS = Terms(basis="moved")


def rows(text: str, terms: Terms = TERMS) -> list[Row]:
    sheet = read_sheet(io.BytesIO(text.encode()), terms=terms)
    return [translated(row, sheet, terms) for row in sheet.rows]


def entries(text: str, terms: Terms = TERMS) -> list[Entry | Rejection]:
    return [read_entry(row, str, Origin("import", NOW, terms.basis)) for row in rows(text, terms)]


def state(entry: Entry | Rejection) -> str:
    if isinstance(entry, Rejection):
        return f"rejected: {entry.reason}"
    if entry.suppression:
        return "suppressed"
    return " ".join(one.consent.value for one in entry.subscriptions) or "default"


def states(text: str, terms: Terms = TERMS) -> list[str]:
    return [state(entry) for entry in entries(text, terms)]


def first(text: str, terms: Terms = TERMS) -> Entry:
    entry = entries(text, terms)[0]
    assert isinstance(entry, Entry), entry
    return entry


MAILCHIMP = "Email Address,First Name,Last Name,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP"
LISTMONK = "uuid,email,name,attributes,status,created_at,updated_at"
PHPLIST = (
    "Email\tIs this subscriber confirmed\tIs this subscriber blacklisted\tIs this account disabled?\tList Membership"
)

EXPORTS = {
    "listmonk": (
        (
            f"{LISTMONK},subscription_status\n"
            "u1,in@example.org,In,{},enabled,2024-01-01 10:00:00.5 +0000 UTC,,confirmed\n"
            "u2,wait@example.org,W,{},enabled,,,unconfirmed\nu3,out@example.org,O,{},enabled,,,unsubscribed\n"
            "u4,off@example.org,F,{},disabled,,,confirmed\nu5,block@example.org,B,{},blocklisted,,,\n"
        ),
        ["subscribed", "pending", "unsubscribed", "unsubscribed", "suppressed"],
    ),
    "ghost": (
        (
            "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers\n"
            "1,in@example.org,In,,true,false,,2024-01-01T00:00:00.000Z,,,\n2,out@example.org,,,false,,,,,,\n"
            "3,gone@example.org,,,true,,,,2024-05-05T00:00:00.000Z,,\n"
        ),
        ["subscribed", "unsubscribed", "unsubscribed"],
    ),
    "substack": (
        (
            "email,active_subscription,expiry,email_disabled,prefer_digests,created_at\n"
            "in@example.org,true,2027-07-06T16:20:44.000Z,false,false,2018-08-27T15:06:27.713Z\n"
            "out@example.org,true,,true,false,2018-08-27T15:02:18.223Z\n"
        ),
        ["subscribed", "unsubscribed"],
    ),
    "beehiiv": (
        (
            "email,First Name,Last Name,status,tier,created_at,stripe_customer_id,unsubscribed_at\n"
            "in@example.org,In,,active,free,2023-03-24 10:23:10 UTC,,\nwait@example.org,,,pending,free,,,\n"
            "out@example.org,,,inactive,free,,,\nlate@example.org,,,active,premium,,,2024-03-13 11:33:53 UTC\n"
            "asked@example.org,,,needs_approval,free,,,\n"
        ),
        ["subscribed", "pending", "unsubscribed", "unsubscribed", "pending"],
    ),
    "keila": (
        (
            'Email,First name,Last name,Data,Status,External ID\nin@example.org,I,N,"{""tags"": [""a""]}",active,\n'
            "out@example.org,,,,unsubscribed,\ndead@example.org,D,,{},unreachable,7\n"
        ),
        ["subscribed", "unsubscribed", "suppressed"],
    ),
    "phplist": (
        (
            f"{PHPLIST}\nin@example.org\t1\t0\t0\tnews; \nwait@example.org\t0\t0\t0\tnews; \n"
            "black@example.org\t1\t1\t0\tnews; \noff@example.org\t1\t0\t1\tnews; \n"
        ),
        ["subscribed", "pending", "suppressed", "unsubscribed"],
    ),
}
"""An export of each tool that says of each row who it is, in the form of the source that `profiles.toml` names."""


_MAILCHIMP_ALL = (
    "Email Address,First Name,Last Name,Company,Position,ZIP Code,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,"
    "CONFIRM_IP,LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION"
)
_MAILCHIMP_ROW = "in@example.org,,,,,,2,2018-02-12 10:54:27,,2018-02-12 10:54:27,,,,,,Europe/Berlin,de,,"
COMPLETE = [
    # Mailchimp and beehiiv, Substack's subscribers: the fixtures of TryGhost/migrate that profiles.toml names.
    ("subscribed.csv", f"{_MAILCHIMP_ALL},LAST_CHANGED,LEID,EUID,NOTES,TAGS\n{_MAILCHIMP_ROW},,,,\n", ["confirmed"]),
    (
        "unsubscribed.csv",
        (
            f"{_MAILCHIMP_ALL},UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,LEID,EUID,"
            f"NOTES,TAGS\n{_MAILCHIMP_ROW}2023-05-01 08:00:00,,,,,,,,\n"
        ),
        ["unsubscribed"],
    ),
    (
        "cleaned.csv",
        (
            f"{_MAILCHIMP_ALL},CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,LEID,EUID,NOTES,TAGS\n"
            f"{_MAILCHIMP_ROW}2020-03-23 17:30:05,,,,,,\n"
        ),
        ["suppressed"],
    ),
    ("nonsubscribed.csv", f"{_MAILCHIMP_ALL},LAST_CHANGED,LEID,EUID,NOTES,TAGS\n{_MAILCHIMP_ROW},,,,\n", ["left out"]),
    (
        "beehiiv.csv",
        (
            "email,First Name,Last Name,status,tier,created_at,stripe_customer_id,Free Tier,Premium Tier,"
            "unsubscribed_at,Subscription Date (Substack)\n"
            "in@example.org,,,active,free,2023-04-11 14:02:46 UTC,,Yes,No,,2022-03-12\n"
            "out@example.org,,,active,premium,2023-04-11 14:02:46 UTC,cus_1,No,Yes,2024-03-13 11:33:53 UTC,\n"
        ),
        ["confirmed", "unsubscribed"],
    ),
    (
        "subscriber_emails.csv",
        (
            "email,expiry,email_disabled,stripe_connected_customer_id,type\n"
            "in@example.org,2021-07-06T16:20:44.000Z,false,cus_1,paid\nout@example.org,,true,,comp\n"
        ),
        ["confirmed", "unsubscribed"],
    ),
    # phpList: every column of structure.php that its export offers; it ends with the names of the lists.
    (
        "phpList Export.csv",
        (
            "id\tEmail\tIs this subscriber confirmed\tIs this subscriber blacklisted\t"
            "Did this subscriber manually confirm\t"
            "Number of bounces\tEntered\tLast Modified\tUnique ID\tSend this subscriber HTML emails\t"
            "Is this account disabled?\tForeign Key\tList Membership\n"
            "1\tin@example.org\t1\t0\t0\t0\t2020-01-01 10:00:00\t\tu1\t1\t0\t\tnews \n"
            "2\tblack@example.org\t1\t1\t0\t3\t2020-01-01 10:00:00\t\tu2\t1\t0\t\tnews \n"
            "3\tnone@example.org\t1\t0\t0\t0\t2020-01-01 10:00:00\t\tu3\t1\t0\t\tNo Lists\n"
        ),
        ["confirmed", "suppressed", "left out"],
    ),
]
"""Whole headings as the tools write them: a file's name, its text, and what becomes of its rows with a basis."""


@pytest.mark.parametrize(("file_name", "text", "right"), COMPLETE, ids=[name for name, _, _ in COMPLETE])
def test_no_column_of_a_whole_export_stops_it_or_revives_anybody(file_name: str, text: str, right: list[str]) -> None:
    terms = Terms(basis="moved", file_name=file_name)
    kept = [row for row in rows(text, terms) if not row.left_out]
    found = iter([state(read_entry(row, str, Origin("import", NOW, terms.basis))) for row in kept])
    assert ["left out" if row.left_out else next(found) for row in rows(text, terms)] == right


def test_every_profile_has_an_export_here() -> None:
    shown = {*EXPORTS, *(profile_of(text.partition("\n")[0].split(","), "auto").key for _, text, _ in COMPLETE)}
    assert shown | {"csv", "mautic"} == set(profiles())  # Mautic's does not say who left: see below


@pytest.mark.parametrize("tool", EXPORTS)
@pytest.mark.parametrize("named", ["auto", ""])
def test_state_of_each_row_is_understood(tool: str, named: str) -> None:
    text, right = EXPORTS[tool]
    terms = Terms(tool=named or tool)
    unproved = ["pending" if one == "subscribed" else one for one in right]
    assert states(text, terms) == unproved
    assert [row.is_unproved for row in rows(text, terms)] == [one == "subscribed" for one in right]
    proved = ["confirmed" if one == "subscribed" else one for one in right]
    assert states(text, Terms(tool=terms.tool, basis="moved")) == proved
    assert states(text, Terms(tool=terms.tool, consent=Consent.CONFIRMED)) == proved
    assert states(text, Terms(tool=terms.tool, status=State.CONFIRMED)) == proved


@pytest.mark.parametrize("tool", EXPORTS)
def test_nobody_who_left_is_confirmed_whatever_the_operator_says(tool: str) -> None:
    text, right = EXPORTS[tool]
    for status, consent, basis in itertools.product([None, *list(State)[1:]], [None, Consent.CONFIRMED], ["", "moved"]):
        if status is State.NONE:
            continue
        found = states(text, Terms(status=status, consent=consent, basis=basis))
        assert [one for one, said in zip(found, right, strict=True) if said in ("unsubscribed", "suppressed")] == [
            max(said, str(status or ""), key=["", *State].index)
            for said in right
            if said in ("unsubscribed", "suppressed")
        ]


def test_every_profile_names_its_source_and_known_meanings() -> None:
    meanings = {
        "email", "name", "language", "timezone", "first_name", "last_name", "tags", "object", "opted_in_at",
        "opted_in_from", "confirmed_at", "confirmed_from", "created_at", "left_at", "left_why", "attribute",
        "link_id",
    }  # fmt: skip
    for profile in profiles().values():
        assert set(profile.columns.values()) <= meanings
        assert {word for words in profile.status.values() for word in words.values()} <= set(State) - {State.CONFIRMED}
        assert profile_of(profile.recognised_by, "auto") is profile


def test_strongest_state_holds() -> None:
    assert strongest([State.PENDING, State.SUPPRESSED, State.UNSUBSCRIBED]) is State.SUPPRESSED
    assert strongest([State.SUBSCRIBED, State.CONFIRMED]) is State.CONFIRMED
    assert strongest([]) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{LISTMONK}\nu1,in@example.org,In,{{}},enabled,,\n", "speaks of the subscriber"),
        (f"{MAILCHIMP}\nin@example.org,I,N,2020-01-02 10:00:00,,,\n", "ZIP"),
        ("Email\tList Membership\nin@example.org\tnews; \n", "Is this subscriber blacklisted"),
        ("id,title,firstname,lastname,email,attribution_date\n1,,I,N,in@example.org,\n", "must not be contacted"),
    ],
)
def test_export_that_does_not_say_who_left_needs_a_status(text: str, says: str) -> None:
    with pytest.raises(RequestError, match="does not say who has left; nothing was imported") as caught:
        rows(text)
    assert says in caught.value.hint
    assert "--status" in caught.value.hint
    assert states(text, Terms(status=State.CONFIRMED)) == ["confirmed"]
    assert states(text, Terms(status=State.UNSUBSCRIBED)) == ["unsubscribed"]


def test_status_never_revives_a_blocklisted_address() -> None:
    text = f"{LISTMONK}\nu1,in@example.org,,{{}},enabled,,\nu2,no@example.org,,{{}},blocklisted,,\n"
    assert states(text, Terms(status=State.CONFIRMED, basis="moved")) == ["confirmed", "suppressed"]


def test_unknown_word_in_a_status_column_rejects_its_row() -> None:
    text = (
        "email,status,tier,created_at\na@example.org,validating,free,\nb@example.org,,free,\nc@example.org,active,,\n"
    )
    assert states(text, BASIS) == [
        "rejected: The cell status holds 'validating', which no export of beehiiv is known to hold",
        "rejected: The cell status is empty",
        "confirmed",
    ]


def test_status_column_that_a_profile_does_not_explain_stops_the_import() -> None:
    with pytest.raises(RequestError, match=r"^Status column bounced_at"):
        rows("email,subscribed_to_emails,bounced_at\na@example.org,true,2024-01-01\n", Terms(status=State.CONFIRMED))
    with pytest.raises(RequestError, match=r"^Column group contains opted out"):
        rows("email,subscribed_to_emails,group\na@example.org,true,opted out\n")


def test_tool_that_is_named_must_have_written_the_file() -> None:
    with pytest.raises(RequestError, match=r"no export of Ghost: there is no column subscribed_to_emails"):
        rows("email,name\na@example.org,A\n", Terms(tool="ghost"))


def test_plain_file_keeps_the_consent_of_its_lists_unless_they_left() -> None:
    text = "email,Status\nin@example.org,x\n"
    assert states(text, Terms(status=State.CONFIRMED)) == ["default"]
    assert states(text, Terms(status=State.UNSUBSCRIBED)) == ["unsubscribed"]
    assert states(text, Terms(status=State.SUPPRESSED, basis="by post")) == ["suppressed"]


def test_mailchimp_time_of_confirmation_and_network_are_evidence() -> None:
    row = 'in@example.org,Ida,Nu,2020-05-03 10:00:00,192.0.2.1,2020-05-03 10:05:00,192.0.2.1,"""Friends"",""A, B"""'
    text = f"{MAILCHIMP},TAGS\n{row}\n"
    terms = Terms(file_name="subscribed_members_export_0a1b.csv")
    found = first(text, terms)
    assert (found.name, found.attributes["tags"], found.attributes["first_name"]) == (
        "Ida Nu",
        ["Friends", "A, B"],
        "Ida",
    )
    [one] = found.subscriptions
    assert (one.consent, one.since, one.how) == (Consent.CONFIRMED, datetime(2020, 5, 3, 10, 5, tzinfo=UTC), "import")
    assert one.basis == "Mailchimp: opted in 2020-05-03 10:00:00 (192.0.2.1), confirmed 2020-05-03 10:05:00 (192.0.2.1)"
    assert first(text, Terms(file_name=terms.file_name, basis="moved")).subscriptions[0].basis == f"moved; {one.basis}"


@pytest.mark.parametrize("cell", ["", "n/a", "0000-00-00 00:00:00", "03/05/2020 10:05"])
def test_without_a_readable_time_of_confirmation_mailchimp_subscribers_are_pending(cell: str) -> None:
    text = f"{MAILCHIMP}\nin@example.org,,,2020-05-03,,{cell},\n"
    assert states(text, Terms(file_name="subscribed.csv")) == ["pending"]


@pytest.mark.parametrize(
    ("file_name", "column", "right"),
    [
        ("unsubscribed_members_export_1.csv", "TAGS", "unsubscribed"),
        ("cleaned_members_export_1.csv", "TAGS", "suppressed"),
        ("any.csv", "UNSUB_TIME", "unsubscribed"),
        ("any.csv", "CLEAN_TIME", "suppressed"),
        ("subscribed.csv", "UNSUB_TIME", "unsubscribed"),
        ("Cleaned.csv.rejects.csv", "TAGS", "suppressed"),
    ],
)
def test_mailchimp_state_is_in_the_name_or_a_column(file_name: str, column: str, right: str) -> None:
    text = f"{MAILCHIMP},{column}\ngone@example.org,,,2020-05-03,,2020-05-03 10:05:00,,\n"
    assert states(text, Terms(file_name=file_name, basis="moved", status=State.CONFIRMED)) == [right]


def test_those_who_never_subscribed_are_left_out() -> None:
    [row] = rows(f"{MAILCHIMP}\nbuyer@example.org,,,,,2020-05-03 10:05:00,\n", Terms(file_name="nonsubscribed_1.csv"))
    assert row.left_out == "not subscribed in Mailchimp"
    [row] = rows(f"{PHPLIST}\nx@example.org\t1\t0\t0\tNo Lists\n")
    assert row.left_out == "not subscribed in phpList"


def test_plain_file_with_the_name_of_those_who_left_needs_a_status() -> None:
    with pytest.raises(RequestError, match="called like"):
        rows("email\na@example.org\n", Terms(file_name="unsubscribed_2026.csv"))
    assert states("email\na@example.org\n", Terms(file_name="unsubscribed.csv", status=State.UNSUBSCRIBED)) == [
        "unsubscribed"
    ]


def test_when_and_why_they_left_is_kept() -> None:
    header = "Email Address,First Name,Last Name,OPTIN_TIME,UNSUB_TIME,UNSUB_REASON"
    [one] = first(f"{header}\ng@example.org,,,2020-01-02,2023-05-01 08:00:00,ABUSE\n").subscriptions
    assert (one.since, one.basis) == (
        datetime(2023, 5, 1, 8, tzinfo=UTC), "Mailchimp: opted in 2020-01-02, left 2023-05-01 08:00:00 (ABUSE)",
    )  # fmt: skip


def test_of_a_suppressed_address_nothing_but_the_reason_is_kept() -> None:
    found = first('Email,First name,Last name,Data,Status\nd@example.org,Di,Do,"{""a"": 1}",unreachable\n')
    assert (found.name, found.attributes, found.subscriptions, found.is_subscriber) == ("", {}, (), False)
    assert found.suppression is not None
    assert found.suppression.note == "suppressed in Keila"


@pytest.mark.parametrize(
    ("cell", "right"),
    [
        ('{"city": "Ulm", "n": 3, "x": 1.5, "ok": true, "Über Uns": "b"}',
         {"city": "Ulm", "n": 3, "x": 1.5, "ok": True, "über_uns": "b"}),
        ('{"tags": ["a", 1], "planet": {"n": 1}}', {"tags": ["a", 1], "planet": {"n": 1}}),
        ('{"big": 123456789012345678901234567890, "float": 1e22, "inf": 1e999, "no": null, "e": ""}',
         {"big": "123456789012345678901234567890", "float": "1e+22"}),
        ('{"text": "a\\u0000\\u202eb"}', {"text": "ab"}),
        ("", {}),
    ],
)  # fmt: skip
def test_json_attributes_keep_their_types(cell: str, right: dict[str, object]) -> None:
    quoted = cell.replace('"', '""')
    assert first(f'email,attributes\na@example.org,"{quoted}"\n').attributes == right
    assert first(f'Email,First name,Last name,Data,Status\na@example.org,,,"{quoted}",active\n').attributes == right


@pytest.mark.parametrize("cell", ["{“a”: 1}", "[1]", '{"a": NaN}', '{"a": "\\ud800"}', '{"a":' * 1500, "{"])
def test_what_is_no_json_object_stays_text(cell: str) -> None:
    quoted = cell.replace('"', '""')
    found = first(f'email,attributes\na@example.org,"{quoted}"\n')
    assert found.attributes == {"attributes": cell}
    assert found.notes == ("attributes is no JSON object; it was kept as text",)


def test_damaged_object_in_our_own_export_rejects_its_row() -> None:
    assert states("email,attributes,suppressed\na@example.org,{,\nb@example.org,,\n") == [
        "rejected: attributes is no JSON object", "default",
    ]  # fmt: skip


def test_language_in_a_json_object_is_the_subscribers() -> None:
    found = first(
        'email,name,attributes\na@example.org,,"{""language"": ""de"", ""name"": ""Ana"", ""email"": ""x""}"\n'
    )
    assert (found.language, found.name, found.address.text, found.attributes) == ("de", "Ana", "a@example.org", {})


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("email,First Name,Last Name\na@example.org,Ann,Lee\n", "Ann Lee"),
        ("email,Vorname,Nachname\na@example.org,Ann,\n", "Ann"),
        ("email,name,firstname,surname\na@example.org,A. Lee,Ann,Lee\n", "A. Lee"),
        ('email\n"""Lee, Ann"" <a@example.org>"\n', "Lee, Ann"),
        ('email,name\n"Ann Lee <a@example.org>",\n', "Ann Lee"),
        ('email,name\n"Ann Lee <a@example.org>",Ana\n', "Ana"),
        ('email,name\n"=""a@example.org""","=""007"""\n', "007"),
    ],
)
def test_name_is_found_in_whatever_columns_have_it(text: str, name: str) -> None:
    found = first(text)
    assert (found.address.text, found.name) == ("a@example.org", name)


@pytest.mark.parametrize(
    ("cell", "right"),
    [
        ("<a@example.org>", ("", "a@example.org")),
        ("Ann Lee <mailto:a@example.org>", ("Ann Lee", "a@example.org")),
        ("MAILTO:a@example.org?subject=Hi", ("", "a@example.org")),
        ('"a@example.org"', ("", "a@example.org")),
        ("'a@example.org", ("", "a@example.org")),
        ("a?b@example.org", ("", "a?b@example.org")),
        ("a@example.org; b@example.org", ("", "a@example.org; b@example.org")),
        ("A <a@example.org> B <b@example.org>", ("", "A <a@example.org> B <b@example.org>")),
        ("", ("", "")),
    ],
)
def test_address_is_read_in_the_forms_that_programs_write(cell: str, right: tuple[str, str]) -> None:
    assert mailbox(cell) == right


def test_address_that_begins_with_an_apostrophe_survives_our_own_export() -> None:
    assert first("email,suppressed\n'o@example.org,manual\n").address.text == "'o@example.org"


@pytest.mark.parametrize(
    "cell",
    [
        "2024-05-03T08:20:30Z", "2024-05-03 10:20:30 +0200 CEST", "2024-05-03 08:20:30 UTC", "2024-05-03 08:20:30",
        "2024-05-03 10:20:30+02:00", "2024-05-03 08:20:30 +0000 +0000", "2024-05-03T08:20:30.000Z",
    ],
)  # fmt: skip
def test_times_of_tools_are_read(cell: str) -> None:
    assert moment(cell) == datetime(2024, 5, 3, 8, 20, 30, tzinfo=UTC)
    assert moment("2024-05-03 10:20:30.123456789 +0200 CEST") == datetime(2024, 5, 3, 8, 20, 30, 123456, tzinfo=UTC)


@pytest.mark.parametrize("cell", ["", "3 May", "03/05/2024", "0001-01-01T00:00:00+14:00", "1714724430"])
def test_what_is_no_time_is_none(cell: str) -> None:
    assert moment(cell) is None
