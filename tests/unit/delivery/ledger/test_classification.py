"""What refusals are about: given replies with whose limit they speak of, and wordings of many providers."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from newsletter.delivery.ledger.classification import Classification, Stage
from newsletter.delivery.ledger.outcome import Deferred, Rejected, outcome_of, read_reply

HERE = Path(__file__).parent


def classification_of(stage: Stage, reply: str) -> Classification:
    lines = reply.encode().replace(b"\\n", b"\n").split(b"\n")
    outcome = outcome_of(read_reply(lines), stage)
    assert isinstance(outcome, Deferred | Rejected)
    return outcome.classification


def whose() -> list[tuple[str, str, str]]:
    with (HERE / "replies.tsv").open(encoding="utf-8") as file:
        return [(row["stage"], row["reply"], row["whose"]) for row in csv.DictReader(file, delimiter="\t")]


def wordings() -> list[tuple[str, str, str]]:
    lines = (HERE / "wordings.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split(" ", 2) for line in lines if line and not line.startswith("#")]
    return [(stage, classification, reply) for stage, classification, reply in rows]


@pytest.mark.parametrize(("stage", "reply", "blame"), whose())
def test_whose_limit_it_is(stage: str, reply: str, blame: str) -> None:
    """`theirs?` is a policy about this one recipient: listed, but no reason to suppress the address."""
    found = classification_of(Stage[stage], reply)
    assert found.blame == blame.rstrip("?")
    assert (found is Classification.RECIPIENT_POLICY) == blame.endswith("?")


@pytest.mark.parametrize(("stage", "classification", "reply"), wordings())
def test_wording_has_its_classification(stage: str, classification: str, reply: str) -> None:
    assert classification_of(Stage[stage], reply) == classification


@pytest.mark.parametrize(("stage", "classification", "reply"), wordings())
def test_no_recipient_is_blamed_before_one_was_named(stage: str, classification: str, reply: str) -> None:
    assert classification_of(Stage.MAIL, reply).blame == "ours"


@pytest.mark.parametrize("classification", Classification)
def test_every_classification_has_a_wording_or_a_rule_of_its_own(classification: Classification) -> None:
    assert classification in {row[1] for row in wordings()}
