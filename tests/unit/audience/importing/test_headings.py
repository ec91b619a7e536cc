"""What the first line of a file says: attributes, and columns in which other tools say who has left."""

from __future__ import annotations

import pytest

from newsletter.audience.importing.headings import column_name, refuse_status
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
    ],
)  # fmt: skip
def test_column_that_says_who_left_another_tool_is_refused(heading: str) -> None:
    with pytest.raises(RequestError, match="may not be written to") as caught:
        refuse_status(["email", heading])
    assert heading in str(caught.value)


def test_other_columns_are_not_taken_for_a_status() -> None:
    refuse_status(
        [
            "email", "name", "First Name", "Last Name", "country", "plan", "TAGS", "OPTIN_TIME", "CONFIRM_TIME",
            "created_at", "city", "state", "type", "labels", "note", "consent", "since", "line", "reason", "zip",
        ]
    )  # fmt: skip


def test_column_names_can_stand_in_merge_fields() -> None:
    assert [column_name(text) for text in ("Country", " First-Name ", "a.b (c)", "国家")] == [
        "country", "first_name", "a_b__c", "国家",
    ]  # fmt: skip
