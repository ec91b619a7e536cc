"""Newsletter-as-code: issues in YAML, editions through Jinja2 and MJML, deliveries with a ledger.

The listing tells the flow; imports go one way, from the drivers down to the ground:

     issues/*.yaml ── authoring ──▶ Issue ── compiler ──▶ Edition ─┐               once per edition
                                                                   ├─ delivery ─▶ Message + Envelope ─▶ relay
     subscribers ──── audience ───▶ recipients ────────────────────┘      ▲            │        once per recipient
                         ▲                                          retry │            ▼
                         │                                                └──── Outcome ─▶ ledger ─ reporting ─▶ Report
                         └─ consent, Event ◀─ feedback ◀─ a reader unsubscribes with the link in the email

Compiling happens once per edition, composing once per recipient. The scheduler is only a clock: the database holds what
is due, claimed or done. The command line and the scheduler call `app`; `app` calls the stages.
"""

__version__ = "0.1.0"
