"""From an issue's path to a delivery: what is stored, when it starts, and how people steer it."""

from __future__ import annotations

import email
import email.policy
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from factories import add_list, add_people, start_delivery, suppress
from recording_server import Quirk, RecordingServer, recording_server
from verifier import faults

from newsletter.app.operating.new_project import start_project
from newsletter.app.project import Project, open_project
from newsletter.app.sending.dry_run import dry_run, report_lines
from newsletter.app.sending.proof import send_proofs
from newsletter.app.sending.propose import confirm, propose
from newsletter.app.sending.relay import probe_relay
from newsletter.app.sending.report import next_of, report_on, summary_of, verify
from newsletter.app.sending.steer import cancel, pause, reschedule, resolve, resume, start_due
from newsletter.app.sending.worker import send_now
from newsletter.config import BouncesSection
from newsletter.delivery.delivery import Delivery, DeliveryState
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.ledger.rate import Rate
from newsletter.delivery.ledger.settle import WAS_UPDATED
from newsletter.delivery.sender.sender import Ending
from newsletter.errors import (
    AuthoringError,
    EmptyAudienceError,
    LinkError,
    NotFoundError,
    PlanError,
    RelayConnectionError,
    RequestError,
    StateError,
)
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.storage.database.leases import take_lease
from newsletter.storage.ledger.budget import take_slice
from newsletter.storage.ledger.deliveries import Deliveries, Lease
from newsletter.tokens import Purpose, keyed_hash

NOW = datetime.now(UTC).replace(microsecond=0)
SOON = NOW + timedelta(hours=1)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RecordingServer]:
    with recording_server(tmp_path / "relay") as server:
        yield server


def make_project(folder: Path, port: int = 9, **settings: str) -> Project:
    start_project(folder)
    smtp = {"NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_SMTP__PORT": str(port), "NEWSLETTER_SMTP__TLS": "none"}
    return open_project(folder, smtp | {f"NEWSLETTER_{name.upper()}": value for name, value in settings.items()})


def create_delivery(
    project: Project, database: Database, path: Path, lists: list[str], *, at: datetime | None = None,
    again: bool = False,
) -> Delivery:  # fmt: skip
    proposal = propose(project, database, path, lists, now=NOW, at=at.isoformat() if at else None, again=again)
    return confirm(project, database, proposal, now=NOW)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project")


@pytest.fixture
def issue(project: Project) -> Path:
    return project.issues / "welcome"


@pytest.fixture
def people(database: Database) -> list[int]:
    weekly = add_list(database)
    return add_people(database, ["ana@example.org"], weekly, language="de") + add_people(
        database, ["bo@example.org", "cy@example.org"], weekly, language="fr"
    )


def test_create_stores_editions_and_images_with_the_delivery(
    project: Project, database: Database, issue: Path, people: list[int]
) -> None:
    created = create_delivery(project, database, issue, ["weekly"])

    store = Deliveries(database)
    assert (created.state, created.languages) == (DeliveryState.PREPARING, ("en", "de"))
    assert re.fullmatch("[a-z2-7]{12}", created.id)
    edition = store.edition(created.id, "de")
    [name] = set(re.findall(r"/assets/([\w.-]+)", edition.html))
    asset = store.asset(name)
    assert asset is not None
    assert (asset.media_type, asset.data[:4]) == ("image/png", b"\x89PNG")
    with pytest.raises(NotFoundError):
        store.edition(created.id, "fr")


def test_delivery_does_not_change_with_the_issue_on_disk(
    tmp_path: Path, database: Database, relay: RecordingServer, people: list[int]
) -> None:
    project = make_project(tmp_path / "project", relay.port)
    created = create_delivery(project, database, project.issues / "welcome", ["weekly"])
    (project.issues / "welcome" / "issue.yaml").write_text("no issue any more")

    assert send_now(project, database, created.id).ending is Ending.DONE
    assert summary_of(database, created.id).delivery.state is DeliveryState.FINISHED
    assert len(relay.records()) == 3


def test_create_refuses_an_issue_with_errors(
    project: Project, database: Database, issue: Path, people: list[int]
) -> None:
    (issue / "issue.yaml").write_text("title: 7\ntitel: x\n")

    with pytest.raises(AuthoringError) as caught:
        create_delivery(project, database, issue, ["weekly"])
    assert len(caught.value.problems) > 1
    assert Deliveries(database).all() == []


def test_create_refuses_a_sender_without_an_address(tmp_path: Path, database: Database, people: list[int]) -> None:
    project = make_project(tmp_path / "project", newsletter__postal_address="")

    with pytest.raises(AuthoringError) as caught:
        create_delivery(project, database, project.issues / "welcome", ["weekly"])
    assert "missing-postal-address" in {problem.id for problem in caught.value.problems}


def test_create_refuses_unknown_lists_and_empty_ones(project: Project, database: Database, issue: Path) -> None:
    add_list(database)
    with pytest.raises(NotFoundError, match="nowhere"):
        create_delivery(project, database, issue, ["weekly", "nowhere"])
    with pytest.raises(EmptyAudienceError):
        create_delivery(project, database, issue, ["weekly"])
    # People may still come until it starts.
    assert create_delivery(project, database, issue, ["weekly"], at=SOON).scheduled_at == SOON


def test_delivery_that_cannot_be_over_in_time_is_refused_with_the_arithmetic(
    tmp_path: Path, database: Database, people: list[int]
) -> None:
    project = make_project(tmp_path / "project", sending__rate="1/day", sending__expiry="1d")
    with pytest.raises(PlanError, match=r"3 messages at 1/day, 1 of them now, take 2 days, but .* after 24 hours"):
        create_delivery(project, database, project.issues / "welcome", ["weekly"])
    assert Deliveries(database).all() == []

    slow = make_project(tmp_path / "slow", sending__rate="1/day")
    assert propose(slow, database, slow.issues / "welcome", ["weekly"], now=NOW).takes == timedelta(days=2)
    take_slice(database, [Rate(1, "day")], 1, NOW, None)
    with pytest.raises(PlanError, match="1/day, 0 of them now, take 3 days, but they expire after 2 days"):
        propose(slow, database, slow.issues / "welcome", ["weekly"], now=NOW)
    later = (NOW + timedelta(days=3)).isoformat()
    assert propose(slow, database, slow.issues / "welcome", ["weekly"], now=NOW, at=later).takes == timedelta(days=2)


def test_refused_return_path_is_named_and_a_plain_one_sends(
    tmp_path: Path, database: Database, people: list[int]
) -> None:
    own = "hello@news.example.org"
    refusal = Quirk(
        "mail", "reply", text=f"553 5.7.1 Sender address rejected: not owned by user {own}", match=f"^(?!{own})"
    )
    with recording_server(tmp_path / "relay", refusal) as relay:
        sender = {"newsletter__from": f"The Weekly <{own}>"}
        project = make_project(tmp_path / "project", relay.port, **sender)
        created = create_delivery(project, database, project.issues / "welcome", ["weekly"])
        send_now(project, database, created.id)
        halted = Deliveries(database).get(created.id)
        assert halted.state is DeliveryState.HALTED
        assert re.match(
            r"the relay refuses the return path bounces\+\w+@news\.example\.org: 553 5\.7\.1", halted.reason
        )
        with pytest.raises(RelayConnectionError, match=r"refuses the return path bounces\+\w+@news.*: 553") as caught:
            probe_relay(project)
        assert 'return_path = "plain"' in caught.value.hint

        how = {"bounces": BouncesSection(return_path="plain")}
        plain = replace(project, config=project.config.model_copy(update=how))
        assert "offers" in probe_relay(plain)
        resume(plain, database, created.id, NOW)
        send_now(plain, database, created.id)
        assert [record["mail_from"] for record in relay.records()] == [own] * 3


def test_create_needs_one_issue(project: Project, database: Database, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RequestError, match="no issue"):
        create_delivery(project, database, tmp_path / "empty", ["weekly"])


def test_scheduled_delivery_starts_once_when_its_time_has_come(
    project: Project, database: Database, issue: Path, people: list[int]
) -> None:
    created = create_delivery(project, database, issue, ["weekly"], at=SOON)

    assert start_due(project, database, SOON - timedelta(seconds=1)) == []
    [started] = start_due(project, database, SOON)
    assert (started.id, started.state) == (created.id, DeliveryState.PREPARING)
    assert start_due(project, database, SOON) == []


def test_scheduled_delivery_is_missed_when_nobody_was_running(
    project: Project, database: Database, issue: Path, people: list[int]
) -> None:
    created = create_delivery(project, database, issue, ["weekly"], at=SOON)
    late = SOON + timedelta(hours=6, seconds=1)

    [missed] = start_due(project, database, late)
    assert missed.state is DeliveryState.MISSED
    assert missed.reason == f"no scheduler was running at {SOON.astimezone(project.zone):%Y-%m-%d %H:%M %Z}"
    assert start_due(project, database, late) == []

    later = late + timedelta(hours=1)
    assert reschedule(project, database, created.id, later, late).scheduled_at == later
    assert start_due(project, database, later)[0].state is DeliveryState.PREPARING


def test_scheduled_under_a_mail_catcher_does_not_start_to_a_real_relay(
    project: Project, database: Database, issue: Path, people: list[int]
) -> None:
    created = create_delivery(project, database, issue, ["weekly"], at=SOON)
    real = make_project(project.folder.with_name("real"), smtp__host="smtp.example.com", smtp__tls="starttls")

    [missed] = start_due(real, database, SOON)
    assert missed.state is DeliveryState.MISSED
    assert "newsletter.from: " in missed.reason
    assert Deliveries(database).get(created.id).reason == missed.reason
    with pytest.raises(AuthoringError):
        resume(real, database, created.id, NOW)
    assert resume(real, database, created.id, NOW, force=True).state is DeliveryState.PREPARING


def test_scheduled_with_force_starts_as_it_is(tmp_path: Path, database: Database, people: list[int]) -> None:
    real = make_project(tmp_path / "real", smtp__host="smtp.example.com", smtp__tls="starttls")
    proposal = propose(real, database, real.issues / "welcome", ["weekly"], now=NOW, at=SOON.isoformat(), force=True)
    confirm(real, database, proposal, now=NOW)

    [started] = start_due(real, database, SOON)
    assert started.state is DeliveryState.PREPARING


def test_orders_of_a_scheduler_that_was_replaced_start_nothing(
    project: Project, database: Database, issue: Path, people: list[int]
) -> None:
    create_delivery(project, database, issue, ["weekly"], at=SOON)
    old = take_lease(database, "scheduler", "old", -1.0)
    new = take_lease(database, "scheduler", "new", 60.0)
    assert old is not None
    assert new is not None

    assert start_due(project, database, SOON, lease=Lease("scheduler", old)) == []
    assert len(start_due(project, database, SOON, lease=Lease("scheduler", new))) == 1


def test_start_in_the_past_is_refused(project: Project, database: Database, issue: Path, people: list[int]) -> None:
    with pytest.raises(RequestError, match="in the past"):
        create_delivery(project, database, issue, ["weekly"], at=NOW - timedelta(hours=7))


def test_pause_resume_and_cancel_move_what_can_be_moved(
    project: Project, database: Database, people: list[int]
) -> None:
    start_delivery(database)

    assert pause(database, "delivery1").state is DeliveryState.PAUSED
    assert pause(database, "delivery1").state is DeliveryState.PAUSED
    assert resume(project, database, "delivery1", NOW).state is DeliveryState.SENDING
    assert cancel(database, "delivery1", NOW).state is DeliveryState.CANCELLED
    counts = summary_of(database, "delivery1").states
    assert {state.value: count for state, count in counts.items()} == {"excluded": 3}
    with pytest.raises(StateError, match="cancelled"):
        pause(database, "delivery1")
    with pytest.raises(StateError, match="was cancelled; it sends nothing"):
        resume(project, database, "delivery1", NOW)
    with pytest.raises(StateError):
        cancel(database, "delivery1", NOW)


def test_resume_of_a_delivery_paused_while_preparing_prepares_it(
    project: Project, database: Database, issue: Path, people: list[int]
) -> None:
    created = create_delivery(project, database, issue, ["weekly"])
    pause(database, created.id)

    assert resume(project, database, created.id, NOW).state is DeliveryState.PREPARING


def test_scheduled_delivery_is_not_resumed_but_rescheduled(
    project: Project, database: Database, issue: Path, people: list[int]
) -> None:
    name = create_delivery(project, database, issue, ["weekly"], at=SOON).id

    with pytest.raises(StateError, match="by itself"):
        resume(project, database, name, NOW)
    assert reschedule(project, database, name, SOON + timedelta(hours=1), NOW).state is DeliveryState.SCHEDULED
    start_due(project, database, SOON + timedelta(hours=1))
    with pytest.raises(StateError, match="preparing"):
        reschedule(project, database, name, SOON, NOW)


def test_second_send_mails_nobody_unless_again_is_said(
    tmp_path: Path, database: Database, relay: RecordingServer, people: list[int]
) -> None:
    project = make_project(tmp_path / "project", relay.port)
    for again, accepted in ((False, 3), (False, 0), (True, 3)):
        created = create_delivery(project, database, project.issues / "welcome", ["weekly"], again=again)
        sent = send_now(project, database, created.id)
        states = summary_of(database, sent.delivery.id).states
        counts = {state.value: count for state, count in states.items()}
        assert counts == ({"accepted": 3} if accepted else {"excluded": 3})
        assert (sent.delivery.state, verify(database, sent.delivery.id)) == (DeliveryState.FINISHED, ())
    assert len(relay.records()) == 6


def test_refused_address_is_not_kept_in_the_words_of_the_relay(
    tmp_path: Path, database: Database, people: list[int]
) -> None:
    refusal = Quirk("rcpt", "reply", text="550 5.1.1 <ana@example.org> no such user here", match="^ana@")
    full = Quirk("rcpt", "reply", text="452 4.2.2 bo@example.org: mailbox full", match="^bo@")
    with recording_server(tmp_path / "relay", refusal, full) as relay:
        project = make_project(tmp_path / "project", relay.port)
        name = create_delivery(project, database, project.issues / "welcome", ["weekly"]).id
        send_now(project, database, name)
    told = sa.select(tables.recipients.c.reply, tables.recipients.c.reason).order_by(tables.recipients.c.address)
    with database.read() as connection:
        ana, bo, _ = connection.execute(told).all()
    assert "550 5.1.1 <…> no such user here" in ana
    assert "452 4.2.2 …: mailbox full" in bo
    assert "@" not in f"{ana}{bo}"


def test_what_the_relay_deferred_is_told_with_when_it_is_due(
    tmp_path: Path, database: Database, people: list[int]
) -> None:
    with recording_server(tmp_path / "relay", Quirk("rcpt", "reply", text="452 mailbox full", match="^bo@")) as relay:
        project = make_project(tmp_path / "project", relay.port)
        created = create_delivery(project, database, project.issues / "welcome", ["weekly"])
        send_now(project, database, created.id)
    [bo] = Deliveries(database).recipients(created.id, RecipientState.DEFERRED)
    assert bo.next_at > NOW
    assert summary_of(database, created.id).next_at == bo.next_at
    assert next_of(database, [Deliveries(database).get(created.id)]) == {created.id: bo.next_at}
    with database.write() as connection:
        of = tables.recipients.c.state == "accepted"
        connection.execute(sa.update(tables.recipients).where(of).values(state="claimed"))
    assert summary_of(database, created.id).next_at is None


def test_unknown_recipients_are_resolved_by_address(tmp_path: Path, database: Database) -> None:
    with recording_server(tmp_path / "relay", Quirk("dot", "drop", match="^(ana|bo)@")) as relay:
        project = make_project(tmp_path / "project", relay.port)
        key = project.keys.address
        weekly = add_list(database)
        for address in ("ana@example.org", "bo@example.org", "cy@example.org"):
            [person] = add_people(database, [address], weekly)
            with database.write() as connection:
                of = tables.subscribers.c.id == person
                hashed = keyed_hash(key, address)
                connection.execute(sa.update(tables.subscribers).where(of).values(address_hash=hashed))
        created = create_delivery(project, database, project.issues / "welcome", ["weekly"])
        send_now(project, database, created.id)
        name = created.id

        assert {one.address for one in report_on(database, name).unknown} == {"ana@example.org", "bo@example.org"}
        assert resolve(project, database, name, "accepted", now=NOW, only=["Ana@Example.org"]) == 1
        for wrong in (["nobody@example.org"], ["bo@example.org", "nobody"]):
            with pytest.raises(NotFoundError, match=f"no recipient of delivery {name}"):
                resolve(project, database, name, "resend", now=NOW, only=wrong)
        with pytest.raises(StateError, match="is accepted, not unknown"):
            resolve(project, database, name, "resend", now=NOW, only=["bo@example.org", "cy@example.org"])
        assert [one.address for one in report_on(database, name).unknown] == ["bo@example.org"]


def test_dry_run_writes_messages_and_touches_nothing(
    project: Project, database: Database, issue: Path, people: list[int], tmp_path: Path
) -> None:
    suppress(database, "bo@example.org", "complaint")
    add_people(database, ["di@example.org"], 1, consent="pending")
    before = _everything(database)

    for _ in range(2):  # the second takes the place of the first
        run = dry_run(project, database, issue, ["weekly"], out=tmp_path / "out", now=NOW)

    assert run.messages == 2
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["messages"], report["languages"]) == (2, {"de": 1, "en": 1})
    assert (report["not_sent"], report["left_out"]) == ({"suppressed: complaint": 1}, {"pending": 1})
    assert {one["address"]: one["state"] for one in report["recipients"]} == {
        "ana@example.org": "waiting", "bo@example.org": "suppressed", "cy@example.org": "waiting",
    }  # fmt: skip
    assert "2 messages, none was sent" in (tmp_path / "out" / "report.txt").read_text()
    assert "        1  not sent: complained to their provider" in report_lines(run)
    assert report_lines(replace(run, seconds=0.5))[-1].startswith("Composed in 0.5 s: ")
    assert "a second" not in report_lines(replace(run, seconds=0.5))[-1], "too short to tell"
    assert report_lines(replace(run, seconds=4))[-1].startswith("Composed in 4.0 s: 0 a second, ")
    files = list((tmp_path / "out").glob("*.eml"))
    parsed = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
    assert sorted(message["To"] for message in parsed) == ["ana@example.org", "cy@example.org"]
    assert {file.stat().st_mode & 0o077 for file in (tmp_path / "out", *(tmp_path / "out").iterdir())} == {0}
    assert _everything(database) == before


def _everything(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.read() as connection:
        return {
            name: [tuple(map(str, row)) for row in connection.execute(sa.select(table))]
            for name, table in tables.metadata.tables.items()
        }


def test_dry_run_keeps_out_of_folders_that_are_not_its_own(
    project: Project, database: Database, issue: Path, people: list[int], tmp_path: Path
) -> None:
    (tmp_path / "precious.txt").write_text("mine")

    with pytest.raises(RequestError, match="not empty"):
        dry_run(project, database, issue, ["weekly"], out=tmp_path, now=NOW)
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_proofs_are_marked_and_their_links_open_nothing(
    tmp_path: Path, database: Database, relay: RecordingServer
) -> None:
    project = make_project(tmp_path / "project", relay.port)

    proofs = send_proofs(project, database, project.issues / "welcome", ["me@example.org"], now=NOW)

    assert [(one.address, one.language, one.is_accepted) for one in proofs.results] == [
        ("me@example.org", "en", True), ("me@example.org", "de", True),
    ]  # fmt: skip
    for data in relay.messages()["me@example.org"]:
        message = email.message_from_bytes(data, policy=email.policy.default)
        assert message["Subject"].startswith("[Proof] ")
        token = re.search(r"/u/([a-z2-7]+)", message["List-Unsubscribe"])
        assert token is not None
        with pytest.raises(LinkError):
            project.keys.signer.verify(Purpose.UNSUBSCRIBE, token[1])
    assert Deliveries(database).all() == []


def test_proof_is_filled_for_the_persona_who_would_get_the_edition(
    tmp_path: Path, database: Database, relay: RecordingServer
) -> None:
    project = make_project(tmp_path / "project", relay.port)
    people = [
        {"id": tag, "name": f"Reader {tag}", "email": f"{tag}@example.org", "language": tag} for tag in ("en", "de")
    ]
    (project.issues / "personas.yaml").write_text(json.dumps(people), encoding="utf-8")

    send_proofs(project, database, project.issues / "welcome", ["me@example.org"], now=NOW, languages=["de"])

    (data,) = relay.messages()["me@example.org"]
    body = email.message_from_bytes(data, policy=email.policy.default).get_body(("plain",))
    assert body is not None
    assert "Reader de" in body.get_content()


def test_proof_in_a_language_there_is_none_in_is_refused(project: Project, database: Database, issue: Path) -> None:
    with pytest.raises(RequestError, match="no edition in fr"):
        send_proofs(project, database, issue, ["me@example.org"], now=NOW, languages=["fr"])


def test_message_of_an_older_composer_is_held_until_it_is_said_again(
    tmp_path: Path, database: Database, people: list[int]
) -> None:
    with recording_server(tmp_path / "relay", Quirk("dot", "drop", match="^(ana|bo)@", times=2)) as relay:
        project = make_project(tmp_path / "project", relay.port)
        name = create_delivery(project, database, project.issues / "welcome", ["weekly"]).id
        send_now(project, database, name)
        with database.write() as connection:  # as after an update in the middle: Bo's message was made after it
            bodies = tables.editions.c
            for edition in connection.execute(sa.select(tables.editions)).all():
                older = {key: value for key, value in edition.body.items() if key != "composer"}
                connection.execute(
                    sa.update(tables.editions).where(bodies.language == edition.language).values(body=older)
                )
            ana = tables.recipients.c.address == "ana@example.org"
            connection.execute(sa.update(tables.recipients).where(ana).values(sha256="f" * 64))
        resolve(project, database, name, "resend", now=NOW)
        send_now(project, database, name)
        [held] = Deliveries(database).recipients(name, RecipientState.UNKNOWN)
        assert (held.address, held.reason) == ("ana@example.org", WAS_UPDATED)
        sent = len(relay.records())

        resolve(project, database, name, "resend", now=NOW)
        assert send_now(project, database, name).delivery.state is DeliveryState.FINISHED
        assert [len(relay.records()) - sent, verify(database, name)] == [1, ()]
        assert [faults(Path(one["path"]).read_bytes()) for one in relay.records()] == [[]] * len(relay.records())
