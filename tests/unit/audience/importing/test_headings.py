"""What the first line of a file says: attributes, and columns in which other tools say who has left."""

from __future__ import annotations

import pytest

from newsletter.audience.importing.cells import column_name
from newsletter.audience.importing.headings import attribute_heading, lists_named, read_headings
from newsletter.errors import RequestError


@pytest.mark.parametrize(
    "heading",
    [
        "status", "Status", "EMAIL STATUS", "Email Marketing Status", "subscribed_to_emails", "deleted_at",
        "email_disabled", "UNSUB_TIME", "CLEAN_TIME", "Unsubscribed At", "unsubscription_date",
        "Subscribed", "Email permission status",
        "Confirmed Opt-Out Date", "Opted out of email: Marketing", "hs_email_optout", "Unsubscribed from all email",
        "emailBlacklisted", "Email Marketing Consent", "Email Suppressions", "Accepts Email Marketing", "Bounced",
        "Stop Time", "IsUnsubscribed", "Date Unsubscribed", "HasOptedOutOfEmail", "Global status", "subscriber_type",
        "Opt-In Status", "email_subscribe", "nomail", "Statut", "Désabonné", "DESABONNE", "De\u0301sinscrit le", "Baja",
        "Fecha de baja", "Disiscritto", "Abbestellt am", "状态", "退订", "статус", "Отписан", "配信停止", "수신거부",
    ],
)  # fmt: skip
def test_column_that_says_who_left_another_tool_is_refused(heading: str) -> None:
    with pytest.raises(RequestError, match="may not be written to") as caught:
        read_headings(["email", heading], any_status=False)
    assert heading in str(caught.value)


def test_other_columns_are_not_taken_for_a_status() -> None:
    read_headings(
        [
            "email", "name", "First Name", "Last Name", "country", "plan", "TAGS", "OPTIN_TIME", "CONFIRM_TIME",
            "created_at", "city", "state", "type", "labels", "note", "consent", "since", "line", "reason", "zip",
            "Estado", "Stato", "Statut matrimonial", "Real estate", "Prioridad", "статус заказа",
        ],
        any_status=False,
    )  # fmt: skip


def test_column_names_can_stand_in_merge_fields() -> None:
    assert [column_name(text) for text in ("Country", " First-Name ", "a.b (c)", "国家")] == [
        "country", "first_name", "a_b__c", "国家",
    ]  # fmt: skip


def test_columns_of_our_own_export_are_told_from_attributes() -> None:
    assert read_headings(["Email", "Consent", "since", "How", "city", "suppressed"], any_status=False) == (
        "email", "consent:", "since:", "how:", "city", "suppressed:",
    )  # fmt: skip
    found = read_headings(["email", "consent:weekly", "since:weekly", "since"], any_status=False)
    assert found == ("email", "consent:weekly", "since:weekly", "since")
    assert lists_named(found) == {"weekly"}


@pytest.mark.parametrize("name", ["consent", "since", "suppressed_note", "status", "unsub_time"])
def test_attribute_of_a_name_with_a_meaning_is_exported_as_an_attribute(name: str) -> None:
    headings = ["email", attribute_heading(name), "consent", "since", "suppressed"]
    assert read_headings(headings, any_status=False)[1] == name
    assert attribute_heading("city") == "city"
