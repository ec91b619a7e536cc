"""Config: newsletter.toml plus environment, validated whole, every key documented. Read once; handed on in pieces.

`docs/reference/config.md` is made from this file. An environment variable names section and key joined by two
underscores: `NEWSLETTER_SMTP__HOST`. After start-up no module reads the environment.
"""

import base64
import re
import shlex
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import unquote

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from newsletter.compiler.edition import Identity
from newsletter.delivery.ledger.rate import Rate, read_rates
from newsletter.delivery.ledger.retry import RetryPolicy
from newsletter.errors import AddressError, ConfigError
from newsletter.hostname import ascii_host
from newsletter.language import language_tag
from newsletter.problem import Place, rules
from newsletter.recurrence import Recurrence, read_cron, read_words
from newsletter.source import near_miss
from newsletter.timezone import is_time_zone

FILE = "newsletter.toml"
PREFIX = "NEWSLETTER_"
MAX_CONNECTIONS = 200
"""To one relay at the same time."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WANTED = {
    "literal_error": "{expected}", "greater_than_equal": "at least {ge}", "less_than_equal": "at most {le}",
    "string": "text in quotes", "int": "a whole number", "finite": "a number", "bool": "true or false",
    "tuple": 'a list of texts, as in ["first", "second"]',
}  # fmt: skip
"""How pydantic's type of a mistake begins, and what the value must be."""
_URL_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#@:]*:([^/?#]*)@")
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DNS_NAME = re.compile(rf"(?!.{{254}}){_LABEL}(?:\.{_LABEL})*")
_PUBLIC_URL = re.compile(
    r"((?i:https?))://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?"
)


def why_no_warning(id_: str) -> str:
    """Why an id cannot be one of a warning; empty when it is."""
    rule = rules().get(id_)
    if rule is None:
        warnings = [known for known, rule in rules().items() if rule.may_warn]
        return f"there is no check {id_!r}. {near_miss(id_, warnings)}".strip()
    return "" if rule.may_warn else f"{id_!r} is always an error"


def is_dns_name(text: str) -> bool:
    """Whether it can be a host or a selector of DKIM (RFC 6376, section 3.1)."""
    return _DNS_NAME.fullmatch(text) is not None


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = None if isinstance(value, bool) else re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", str(value).strip())
    if match is None:
        raise ValueError('a duration looks like "30s", "5m", "6h" or "2d"; a bare number is seconds')
    try:
        return timedelta(seconds=float(match[1]) * _UNITS[match[2] or "s"])
    except OverflowError as error:
        raise ValueError("a duration cannot be that long") from error


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _known_zone(value: str) -> str:
    if not is_time_zone(value):
        raise ValueError(f"there is no time zone {value!r}; one looks like Europe/Berlin")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]


def _at_least(text: str) -> AfterValidator:
    """The least value of a duration: with less, the program would do nothing, or the same thing without a pause."""
    least = _duration(text)
    assert isinstance(least, timedelta)

    def check(value: timedelta) -> timedelta:
        if value < least:
            raise ValueError(f"this must be at least {text}")
        return value

    return AfterValidator(check)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, populate_by_name=True)


class NewsletterSection(_Section):
    """The periodical and who sends it."""

    name: str = ""
    """The newsletter's name, as readers know it."""
    description: str = ""
    """What readers get, in a sentence or two; shown on the front page."""
    from_: str = Field(default="", alias="from")
    """The sender: `"Name <address>"` or an address."""
    reply_to: str = ""
    """Where replies go; empty: to the sender."""
    legal_name: str = ""
    """Who is responsible by law; shown in the footer."""
    postal_address: str = ""
    """A postal address; most countries require one in every email. Shown in the footer."""
    contact: str = ""
    """An address or URL for readers with questions."""
    imprint: str = ""
    """URL of the legal notice, where the law requires one."""
    frequency: str = ""
    """How often an issue comes, such as `"every Thursday"`; in `language`. Shown where readers sign up."""
    privacy: str = ""
    """URL of the privacy page. Shown where readers sign up."""
    language: str = "en"
    """The language of public pages when neither the email nor the browser names one; and of a new issue, where
    `issues/defaults.yaml` has none."""
    timezone: str = "UTC"
    """The time zone of `--at` without `--timezone`."""

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return _known_zone(value)

    @field_validator("language")
    @classmethod
    def _language(cls, value: str) -> str:
        tag = language_tag(value)
        if tag is None:
            raise ValueError(f"{value!r} is no language tag; one looks like en or pt-BR")
        return tag


class DatabaseSection(_Section):
    """Where subscribers and the ledger are stored."""

    url: str = Field(default="sqlite:///newsletter.db", repr=False)
    """`sqlite:///file` (relative to the project) or `postgresql://user:password@host/name`. May hold a password."""
    adopt: str = ""
    """The identity of the database to send from, for a container whose disk does not last: as `newsletter db adopt`."""


class SmtpSection(_Section):
    """The relay that messages are handed to."""

    host: str = "localhost"
    """Name or address of the relay."""
    port: int = Field(default=587, ge=1, le=65535)
    """587 for STARTTLS, 465 for implicit TLS, 25 for a relay in your own network."""
    username: str = ""
    """Empty: no login."""
    password: SecretStr = SecretStr("")
    """Better in the environment: NEWSLETTER_SMTP__PASSWORD."""
    token_command: str = ""
    """A command that prints an OAuth 2.0 access token for `username`, in place of a password: for Gmail and
    Microsoft 365 (XOAUTH2). It runs at each login, without a shell.
    """
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """`starttls` (required, never in clear), `implicit`, or `none`, which is allowed only to a loopback address."""
    ca_file: str = ""
    """A PEM file of certificate authorities to trust instead of the system's."""
    force_clear: bool = False
    """Allow `tls = "none"` to a host that is not loopback. Messages and passwords can then be read on the way."""
    timeout: Annotated[Duration, _at_least("1s")] = timedelta(seconds=60)
    """How long the relay may be silent before the final dot."""
    reply_timeout: Annotated[Duration, _at_least("1s")] = timedelta(seconds=600)
    """How long the relay may take to reply after the final dot (RFC 5321, section 4.5.3.2.6: ten minutes)."""
    hello: str = ""
    """The host name in the greeting (EHLO); empty: this host's."""
    connections: int | None = Field(default=None, ge=1, le=MAX_CONNECTIONS)
    """Simultaneous connections to this relay; unset: as in `[sending]`."""

    @field_validator("token_command")
    @classmethod
    def _command(cls, value: str) -> str:
        value = value.strip()
        try:
            shlex.split(value)
        except ValueError as error:
            raise ValueError(f"this is not a command: {error}") from error
        return value


class SendingSection(_Section):
    """How deliveries are sent."""

    connections: int = Field(default=4, ge=1, le=MAX_CONNECTIONS)
    """Simultaneous connections to the relay, unless `[smtp]` sets its own number."""
    lease: Annotated[Duration, _at_least("3s")] = timedelta(seconds=30)
    """How long a worker keeps its claims without a renewal; it renews after a third of this time."""
    unknown: Literal["hold", "resend"] = "hold"
    """What to do with a message whose reply was lost: `hold` lists it for an operator, `resend` sends it again once.

    A resent message is listed too. If it fails or its reply is lost again, it waits for an operator.
    """
    max_lateness: Annotated[Duration, _at_least("1m")] = timedelta(hours=6)
    """A scheduled delivery that would start later than this is missed: it waits for an operator instead."""
    expiry: Annotated[Duration, _at_least("1m")] = timedelta(hours=48)
    """How long a deferred message is retried, from its first deferral, or from when the delivery was last resumed."""
    rate: str = ""
    """The most messages in a time, as in `"14/second"`, `"5000/hour"` or `"30/minute, 10000/day"`: of all workers of
    this database together, proofs apart. Or a name: `gmail`, `google-workspace`, `microsoft365`, `ses-sandbox`. Empty:
    no limit. A delivery that would take longer than `expiry` is refused.
    """
    retry: Annotated[Duration, _at_least("1s")] = timedelta(minutes=5)
    """Pause before the first retry; doubles up to four hours."""

    @field_validator("rate")
    @classmethod
    def _rate(cls, value: str) -> str:
        read_rates(value)
        return value.strip()


class ScheduleSection(_Section):
    """A time that recurs: the oldest issue whose date has come and that was never sent is sent then. May be repeated.
    An issue that names its own time (`send: {at: …}`) is left out, and one for other lists."""

    at: str = ""
    """In words: `"every Thursday 09:00"`, `"every weekday 08:30"`, `"every first Monday 09:00"`, `"every 15th 9:00"`"""
    cron: str = ""
    """In place of `at`, the five fields of a crontab: `"0 9 * * thu"`."""
    list: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(min_length=1)
    """The list, or several in `[]`, that it is sent to; the lists that an issue names, where they are among these."""
    timezone: str = ""
    """The time zone of `at`; empty: the newsletter's."""
    since: date | None = None
    """Issues dated earlier are never sent by it. Set it where `issues/` holds issues that were sent by another tool."""

    @field_validator("at", "cron")
    @classmethod
    def _time(cls, value: str, info: ValidationInfo) -> str:
        if value:
            (read_words if info.field_name == "at" else read_cron)(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return _known_zone(value) if value else value

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if bool(self.at) == bool(self.cron):
            raise ValueError("name its time, either with `at` or with `cron`")
        return self

    @property
    def recurrence(self) -> Recurrence:
        """When it recurs."""
        return read_words(self.at) if self.at else read_cron(self.cron)


_OLD_PATH = re.compile(r"/[A-Za-z0-9_.-]+(/(:[a-z]+|[A-Za-z0-9_.-]+))+")


class AlertsSection(_Section):
    """Whom to tell, once, when a delivery is missed, paused, halted or stuck, and when a schedule sends nothing."""

    email: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """Addresses that get an email, through the relay of `[smtp]`."""
    webhook: str = ""
    """A URL that gets a signed POST (Standard Webhooks)."""
    secret: SecretStr = SecretStr("")
    """What signs it: `whsec_` and 24 to 64 bytes in Base64. Better in the environment: NEWSLETTER_ALERTS__SECRET."""
    stuck: Annotated[Duration, _at_least("1m")] = timedelta(minutes=10)
    """How long nothing of a delivery may move before it counts as stuck."""

    bounces: float = Field(default=5, ge=0, le=100)
    """The share of a delivery's messages, in percent, of which more must not come back. 0: never told."""
    complaints: float = Field(default=0.1, ge=0, le=100)
    """The share of a delivery's messages, in percent, about which not more readers may complain. 0: never told."""

    @field_validator("email")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from newsletter.audience.address import parse_address  # its library takes long to load

        for address in value:
            try:
                parse_address(address)
            except AddressError as error:
                raise ValueError(f"{address!r} is no address: {error}") from error
        return value

    @model_validator(mode="after")
    def _is_signed(self) -> Self:
        if self.webhook and not re.fullmatch(r"https?://[^\s@]+", self.webhook):
            raise ValueError("webhook: this must be an http(s) URL without a user name")
        try:
            key = base64.b64decode(self.secret.get_secret_value().removeprefix("whsec_"), validate=True)
        except ValueError:
            key = b""
        if self.webhook and not 24 <= len(key) <= 64:
            raise ValueError("secret: a webhook needs `whsec_` and 24 to 64 bytes in Base64: openssl rand -base64 32")
        return self


class PublicSection(_Section):
    """The public pages."""

    url: str = "http://localhost:8000"
    """Where readers reach `newsletter serve`; links and images in emails begin with it."""
    legacy: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """Paths of unsubscribe links in emails of the tool you came from, where its host is this one now:
    `["/subscription/:campaign/:subscriber"]` for listmonk. `:subscriber` stands for the id that the import kept as
    `link_id`, another word with a colon for anything."""

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        match = _PUBLIC_URL.fullmatch(value)
        if not match:
            raise ValueError(
                "this must be an http(s) URL in ASCII without user name and query, such as https://news.example.org"
            )
        return match[1].lower() + value[match.end(1) :].rstrip("/")

    @field_validator("legacy")
    @classmethod
    def _paths(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for path in value:
            words = re.findall(r":([a-z]+)", path)
            if not _OLD_PATH.fullmatch(path) or words.count("subscriber") != 1 or len({*words}) != len(words):
                raise ValueError(f"{path!r} is no path like /subscription/:campaign/:subscriber")
        return value


class SignupSection(_Section):
    """Sign-up by the form at `/subscribe`."""

    per_network: int = Field(default=20, ge=1)
    """Requests of one network (IPv4 /24, IPv6 /48) in an hour; what is over is not stored."""
    per_hour: int = Field(default=1000, ge=1)
    """Emails that answer sign-ups in an hour; what is over waits. One address gets one a day."""
    keep_network: bool = False
    """Keep the network of a request as a part of the proof of consent."""
    pending: Annotated[Duration, _at_least("7d")] = timedelta(days=30)
    """How long a request that was not confirmed is kept."""


class PrivacySection(_Section):
    """How long personal data is kept."""

    proof_retention: int = Field(default=3, ge=0, le=30)
    """Years for which the proof of a consent is kept after its subscriber was erased, from the end of that year."""


class BouncesSection(_Section):
    """Where undeliverable messages return to."""

    address: str = ""
    """The mailbox for bounces; each message returns to `mailbox+token@domain`. Empty: bounces@ the domain of `from`;
    with a plain return path the address in `from`.
    """
    return_path: Literal["verp", "plain"] = "verp"
    """`verp`: each message has a return path of its own, so that a bounce names its recipient. `plain`: all return to
    the mailbox as it is, for relays that let you send from your own address only. A bounce then names its recipient
    only where it returns the header of the message.
    """
    maildir: str = ""
    """The Maildir into which that mailbox is delivered: `newsletter serve`, or `scheduler`, reads it every minute.
    Empty: only `newsletter bounces read` does."""
    unmatched: str = ""
    """The folder for emails that match no recipient. Empty: `unmatched/` in the Maildir."""


class DkimSection(_Section):
    """Signatures by which receivers see that a message is yours and unchanged (DKIM)."""

    selectors: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """The keys that sign every message, by their selectors; several sign together. Empty: messages leave unsigned, as
    for a relay that signs them. `newsletter dkim new` makes keys. In the environment: separated by commas.
    """
    domain: str = ""
    """The domain that signs, where the keys' DNS records are. Empty: the domain of `from`."""
    private_keys: SecretStr = SecretStr("")
    """The private keys in PEM, in the order of `selectors`, for a container that has no files `dkim/SELECTOR.pem`. Only
    in the environment: NEWSLETTER_DKIM__PRIVATE_KEYS. A line end may be written as `\\n`.
    """

    @field_validator("selectors")
    @classmethod
    def _selectors(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for selector in value:
            if not is_dns_name(selector):
                raise ValueError(f"{selector!r} is no selector; one looks like rsa2026")
        return value

    @field_validator("domain")
    @classmethod
    def _domain(cls, value: str) -> str:
        host = ascii_host(value)
        if value and not is_dns_name(host):
            raise ValueError(f"{value!r} is no domain; one looks like example.org")
        return host


class ChecksSection(_Section):
    """What checks report, and what a send lets pass."""

    ignore: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """Ids of warnings that are not reported, as in `["long-subject"]`; see the checks. In the environment: separated by
    commas. For one place, write a comment on its line: `# check: ignore long-subject`.
    """
    error: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """Ids of warnings that are errors in this project, and so stop a send."""
    allow_oversized: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """Slugs of issues that may exceed 99,000 bytes of HTML. Gmail cuts them off and hides what follows, also the
    unsubscribe link in the footer; the problem `html-size` is then a warning. In the environment: separated by commas.
    """

    @field_validator("ignore", "error")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for id_ in value:
            if not_a_warning := why_no_warning(id_):
                raise ValueError(not_a_warning)
        return value


class Config(_Section):
    """The whole configuration."""

    newsletter: NewsletterSection = NewsletterSection()
    database: DatabaseSection = DatabaseSection()
    smtp: SmtpSection = SmtpSection()
    sending: SendingSection = SendingSection()
    public: PublicSection = PublicSection()
    bounces: BouncesSection = BouncesSection()
    signup: SignupSection = SignupSection()
    privacy: PrivacySection = PrivacySection()
    dkim: DkimSection = DkimSection()
    checks: ChecksSection = ChecksSection()
    alerts: AlertsSection = AlertsSection()
    schedules: tuple[ScheduleSection, ...] = ()

    @property
    def connections(self) -> int:
        """How many connections to the relay may be open at the same time."""
        return self.smtp.connections or self.sending.connections

    @property
    def rates(self) -> tuple[Rate, ...]:
        """How many messages may be begun in which times; empty: any number."""
        return read_rates(self.sending.rate)

    @property
    def retry_policy(self) -> RetryPolicy:
        """When a deferred message is retried, from `[sending]`."""
        return RetryPolicy(first=self.sending.retry, expiry=self.sending.expiry)


def is_configured_by(environment: Mapping[str, str]) -> bool:
    """Whether the environment names a newsletter or database: then a project needs no newsletter.toml."""
    return any(name.startswith((f"{PREFIX}NEWSLETTER__", f"{PREFIX}DATABASE__")) for name in environment)


def load_config(folder: Path, environment: Mapping[str, str]) -> Config:
    """Read newsletter.toml (if there is one) and the environment over it. Raises ConfigError with every problem."""
    file = folder / FILE
    text, written = _read(file)
    if "private_keys" in (written.get("dkim") or ()):
        place = _place(file, _line_of(text, ("dkim", "private_keys")))
        raise ConfigError(
            f"{place}: dkim.private_keys: a private key does not belong into this file, which others may read",
            hint=f"Remove it. Keys are files (newsletter dkim new), or are in {PREFIX}DKIM__PRIVATE_KEYS",
        )
    merged: dict[str, Any] = {k: dict(v) if isinstance(v, dict) else v for k, v in written.items()}
    sources: dict[tuple[str, ...], str] = {}
    for name, value in sorted(environment.items()):
        section, _, key = name.removeprefix(PREFIX).lower().partition("__")
        if name.startswith(PREFIX) and key and isinstance(merged.setdefault(section, {}), dict):
            merged[section][key] = value
            sources[section, key] = name
            if section not in written:
                sources[section,] = name
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        found = []
        for item in error.errors(include_url=False, include_input=False):  # an input may be a secret
            # `[[schedules]]` is a list of sections: the number of one comes between section and key.
            which = next((part for part in item["loc"][1:2] if isinstance(part, int)), None)
            loc = tuple(str(part) for part in item["loc"] if not isinstance(part, int))[:2]
            line = 0 if loc in sources else _line_of(text, loc, which)
            source = sources.get(loc) or _place(file, line)
            shown = ".".join(loc if which is None else (f"{loc[0]}[{which}]", *loc[1:]))
            found.append((line, f"{source}: {shown}: {_explain(item, loc, merged)}"))
        problems = [problem for _, problem in sorted(found)]
        raise ConfigError("The configuration has mistakes", problems=problems) from error


def place_of(folder: Path, config: Config, path: str) -> Place:
    """Where newsletter.toml gives a key (`public.url`) its value; the file as a whole when it comes from elsewhere."""
    section, _, key = path.partition(".")
    text, written = _read(folder / FILE)
    known = config.model_dump(by_alias=True).get(section, {}).get(key)
    found = written.get(section, {}).get(key)
    is_here = (
        found is not None and str(found).rstrip("/").lower() == str(known).rstrip("/").lower()
    )  # as `public.url` is kept
    return Place(FILE, _line_of(text, (section, key))) if is_here else Place(FILE)


def _place(file: Path, line: int) -> str:
    return f"{file}:{line}" if line else str(file)


def _read(file: Path) -> tuple[str, dict[str, Any]]:
    """The text of the file and its values; both empty when there is none."""
    if not file.exists():
        return "", {}
    try:
        text = file.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read: {error.strerror}", hint="It must be a file that you may read"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not UTF-8 text", hint="Save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        reason, _, where = str(error).partition(" (at ")
        line = int(found[1]) if (found := re.match(r"line (\d+)", where)) else 0
        hint = "TOML wants text in quotes and one key a line"
        raise ConfigError(f"{_place(file, line)}: this is not TOML: {reason}", hint=hint) from error


def _line_of(text: str, loc: Sequence[str], which: int | None = None) -> int:
    """The line on which a key begins, else its section's; 0 when neither is there. `which`: of sections in a list.

    tomllib gives no lines. So every statement is parsed by itself, below its section's header.
    """
    header, statement, begin, section, passed = "", "", 1, 0, -1
    for number, line in enumerate(text.split("\n"), 1):
        statement += f"{line}\n"
        is_header = statement.lstrip().startswith("[")
        try:
            written: Any = tomllib.loads(statement if is_header else header + statement)
        except tomllib.TOMLDecodeError:
            continue  # a value of several lines
        passed += is_header and loc[0] in written
        if loc[0] in written and which in (None, passed):
            section = section or begin
            value = written[loc[0]]
            value = value[0] if isinstance(value, list) and value else value
            if len(loc) == 1 or (isinstance(value, dict) and loc[1] in value):
                return begin
        header, statement, begin = statement if is_header else header, "", number + 1
    return section


def _explain(item: Any, loc: tuple[str, ...], merged: Mapping[str, Any]) -> str:
    """What is wrong with one key, in a sentence."""
    if item["type"] == "extra_forbidden":
        return _unknown(loc, merged)
    if item["type"] in ("model_type", "tuple_type") and len(loc) == 1 and _is_repeated(loc[0]):
        return f"this may be repeated: write [[{loc[0]}]] on a line of its own and its keys below it"
    if item["type"] == "missing":
        return "this is missing"
    if item["type"] == "model_type":
        return f"this is a section: write [{loc[0]}] on a line of its own and its keys below it"
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    wanted = next((words for start, words in _WANTED.items() if item["type"].startswith(start)), "")
    return f"this must be {wanted.format_map(item.get('ctx', {}))}" if wanted else str(item["msg"])


def _unknown(loc: tuple[str, ...], merged: Mapping[str, Any]) -> str:
    sections = {name: _keys(model) for name, (model, _) in sections_of().items()}
    if len(loc) > 1:
        return f"there is no such key. {near_miss(loc[1], sections[loc[0]]) or _among(sections[loc[0]])}"
    home = next((name for name, keys in sections.items() if loc[0] in keys), "")
    if home and not isinstance(merged[loc[0]], dict):
        return f"this key belongs to a section: write it below [{home}]"
    return f"there is no such section. {near_miss(loc[0], sections) or _among(sections)}"


def sections_of(config: type[BaseModel] = Config) -> dict[str, tuple[type[BaseModel], bool]]:
    """Each section with its model, and whether it may be repeated: `[[schedules]]`."""
    found = {name: (get_args(field.annotation) or (field.annotation,)) for name, field in config.model_fields.items()}
    return {name: (types[0], len(types) > 1) for name, types in found.items()}  # tuple[Section, ...]


def _is_repeated(section: str) -> bool:
    return sections_of()[section][1]


def _keys(section: Any) -> list[str]:
    return [field.alias or name for name, field in section.model_fields.items()]


def _among(names: Iterable[str]) -> str:
    return f"There are: {', '.join(names)}"


def secret_values(section: BaseModel, path: str = "") -> dict[str, str]:
    """Every password of a configuration by its key, as `smtp.password`: also those inside URLs."""
    found: dict[str, str] = {}
    for name, value in section:
        key = f"{path}{name}"
        if isinstance(value, SecretStr):
            found[key] = value.get_secret_value()
        elif isinstance(value, BaseModel):
            found |= secret_values(value, f"{key}.")
        elif isinstance(value, (list, tuple)):
            for number, item in enumerate(value):
                found |= secret_values(item, f"{key}[{number}].") if isinstance(item, BaseModel) else {}
        elif isinstance(value, str) and (match := _URL_PASSWORD.match(value)):
            found[key] = unquote(match[1])
    return {key: value for key, value in found.items() if value}


def identity_of(section: NewsletterSection) -> Identity:
    """The sender identity in `[newsletter]`; delivery's checks report what is missing."""
    match = re.fullmatch(r'\s*(?:"?(?P<name>[^"<]*?)"?\s*)<(?P<address>[^<>]+)>\s*', section.from_)
    name, address = (match["name"], match["address"]) if match else ("", section.from_.strip())
    return Identity(
        newsletter=section.name,
        from_name=name or section.name,
        from_address=address.strip(),
        reply_to=section.reply_to,
        legal_name=section.legal_name,
        postal_address=section.postal_address,
        contact=section.contact,
        imprint=section.imprint,
    )
