"""Sign-ups over HTTP: whether the time of an answer tells if an address is known; and floods.

    bench/signup.py [--posts N] [--flood N]

*times*: interleaved posts of addresses that are new, subscribed and suppressed, N of each, over one connection; the
medians and how far they are apart. *flood*: N posts from one network, then N from N/2 networks at N/20 addresses, then
one honest reader. The worker runs once a second by the clock of the bench, which nothing else moves.
"""

import argparse
import asyncio
import http.client
import re
import statistics
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import uvicorn

from newsletter.app.audience.lists import add_list
from newsletter.app.operating.database import connect
from newsletter.app.project import Project, shipped_templates
from newsletter.app.sending.alerts import conditions
from newsletter.app.sending.notices import send_notices, signup_rules
from newsletter.audience.address import parse_address
from newsletter.audience.consent import Consent, OptIn, Origin
from newsletter.audience.subscriber import Subscriber
from newsletter.audience.suppression import Suppression, SuppressionReason
from newsletter.config import Config, DatabaseSection, NewsletterSection, SignupSection
from newsletter.delivery.compose.envelope import Envelope
from newsletter.delivery.compose.message import Message
from newsletter.delivery.ledger.outcome import Accepted, Outcome, Reply
from newsletter.delivery.transport import Permit
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.audience.subscribers import AudienceStore
from newsletter.storage.database.database import Database
from newsletter.storage.journal.journal import Journal
from newsletter.tokens import keyed_hash
from newsletter.web.public import Site, page_theme, public_app

KINDS = ("new", "known", "suppressed")
HONEST = "honest@reader.example"


@dataclass
class Relay:
    """A relay that takes everything at once, and keeps to whom it went."""

    recipients: list[str] = field(default_factory=list)

    async def send(self, envelope: Envelope, message: Message, permit: Permit) -> Outcome:  # noqa: ARG002
        """Take it."""
        assert await permit()
        self.recipients.append(envelope.recipient)
        return Accepted(Reply(250, "2.0.0", "ok"))

    async def close(self) -> None:
        """Nothing is open."""


class Doors:
    """The public pages of a new project behind a real server, and a clock that stands still."""

    def __init__(self, folder: Path, signup: SignupSection) -> None:
        newsletter = NewsletterSection.model_validate({"name": "The Weekly", "from": "news@example.org"})
        config = Config(newsletter=newsletter, signup=signup, database=DatabaseSection(url=f"sqlite:///{folder}/b.db"))
        self.project, self.now, self.relay = Project(folder=folder, config=config), datetime.now(UTC), Relay()
        self.database: Database = connect(self.project)
        self.journal: Journal = self.project.journal(self.database)
        add_list(self.database, "news", name="News", opt_in=OptIn.DOUBLE, language="", now=self.now, public=True)
        theme = page_theme([shipped_templates()], root=shipped_templates()).theme
        assert theme is not None
        app = public_app(
            self.database, self.journal, signer=lambda: self.project.keys.signer, site=Site("The Weekly", theme, "en"),
            public_url="http://localhost:8000", clock=lambda: self.now, signup=signup_rules(self.project),
        )  # fmt: skip
        self.server = uvicorn.Server(
            uvicorn.Config(app, port=0, log_level="error", lifespan="off", forwarded_allow_ips="127.0.0.1")
        )
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.line = http.client.HTTPConnection("127.0.0.1", port)
        self.line.request("GET", "/subscribe/news")
        page = self.line.getresponse().read().decode()
        self.fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
        self.now += timedelta(seconds=5)

    def post(self, email: str, client: str = "192.0.2.1") -> float:
        """Sign up; the seconds until the answer was read."""
        body = urlencode({**self.fields, "email": email})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": client}
        began = time.perf_counter()
        self.line.request("POST", "/subscribe/news", body, headers)
        answer = self.line.getresponse()
        text = answer.read()
        took = time.perf_counter() - began
        assert b"Look in your inbox" in text, (answer.status, text[:2000])
        return took

    def work(self) -> None:
        """Let the worker run once, a second later."""
        self.now += timedelta(seconds=1)
        asyncio.run(send_notices(self.project, self.database, self.journal, self.now, self.relay))

    def close(self) -> None:
        """Stop the server."""
        self.line.close()
        self.server.should_exit = True
        self.thread.join()
        self.journal.close()
        self.database.close()


def times(folder: Path, posts: int) -> None:
    """Interleaved posts of each kind of address."""
    with closing(Doors(folder, SignupSection(per_network=10**9, per_hour=10**9))) as doors:
        with doors.database.write() as connection:
            store, [news] = AudienceStore(doors.database, connection), ListStore(doors.database, connection).all()
            for number in range(posts):
                known, gone = (parse_address(f"{kind}{number}@reader.example") for kind in KINDS[1:])
                hashes = [keyed_hash(doors.project.keys.address, one.canonical) for one in (known, gone)]
                who = store.upsert(Subscriber(0, known.text, hashes[0]), doors.now)
                store.set_consent(who, news.id, Consent.CONFIRMED, Origin("bench", doors.now))
                store.suppress(Suppression(hashes[1], gone.text, SuppressionReason.MANUAL, doors.now, ""))
        found: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for number in range(posts):
            for turn in range(3):  # each kind comes first, second and third equally often
                kind = KINDS[(number + turn) % 3]
                found[kind].append(doors.post(f"{kind}{number}@reader.example"))
        medians = {kind: statistics.median(taken) for kind, taken in found.items()}
        for kind, taken in found.items():
            low, _, high = statistics.quantiles(taken, n=4)
            print(f"{kind:>10}  median {medians[kind] * 1e3:.2f} ms  quartiles {low * 1e3:.2f} to {high * 1e3:.2f} ms")
        apart = max(medians.values()) / min(medians.values()) - 1
        print(f"{posts:,} posts of each, interleaved: the medians differ by {apart:.1%}")


def flood(folder: Path, posts: int) -> None:
    """Two floods, and a reader behind them."""
    with closing(Doors(folder, SignupSection())) as doors:
        rules = signup_rules(doors.project)
        began = time.perf_counter()
        for number in range(posts):
            doors.post(f"one{number}@victim.example", f"203.0.113.{number % 256}")
        for number in range(posts):
            network = number % (posts // 2)
            doors.post(
                f"v{number % (posts // 20)}@victim.example", f"10.{network // 256}.{network % 256}.{number % 200}"
            )
        print(f"{2 * posts:,} posts in {time.perf_counter() - began:.0f} s")
        doors.post(HONEST, "198.51.100.7")
        came, began = doors.now, time.perf_counter()
        while HONEST not in doors.relay.recipients and doors.now - came < timedelta(minutes=15):
            doors.work()
        waited, worked = doors.now - came, time.perf_counter() - began
        mails = doors.relay.recipients
        print(
            f"the honest reader's confirmation came {'after' if HONEST in mails else 'NOT within'} {waited.seconds} s"
        )
        print(f"the worker needed {worked:.0f} s for {len(mails):,} emails, of {rules.per_hour:,} allowed in an hour")
        print(f"most emails to one address: {max(map(mails.count, set(mails)))}")
        print(f"from the one network: {sum(one.startswith('one') for one in mails)}, of {rules.per_network} allowed")
        for one in conditions(doors.project, doors.database, doors.now):
            print(f"alert {one.kind}: {one.text}")


def main() -> int:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=2000)
    parser.add_argument("--flood", type=int, default=10000)
    chosen = parser.parse_args()
    for run, count in ((times, chosen.posts), (flood, chosen.flood)):
        if count:
            with tempfile.TemporaryDirectory() as folder:
                run(Path(folder), count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
